#pragma once
// Reads characters from text of unknown encoding: file names on disks and in peers' listings are usually UTF-8, but can
// contain bytes of older encodings. Pure functions; any thread.

#include <cstddef>
#include <string_view>

namespace sallyport {

struct character {
    std::size_t length = 1;
    // False if this is a single byte that is not part of a valid UTF-8 character.
    bool utf8 = true;
    // True for C0, DEL and C1, the latter also as a single byte: a terminal may interpret these (IN-09).
    bool control = false;
};

/// REQUIRES: !text.empty()
[[nodiscard]] character first_character(std::string_view text) noexcept;

}  // namespace sallyport
