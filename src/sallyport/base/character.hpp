#pragma once
// Text character by character, where nobody has promised an encoding: names on disks and in peers' listings are UTF-8 as a
// rule, and bytes of older encodings now and then. Pure functions; any thread.

#include <cstddef>
#include <string_view>

namespace sallyport {

struct character {
    std::size_t length = 1;
    // False: a single byte that belongs to no valid UTF-8 character.
    bool utf8 = true;
    // C0, DEL and C1, the latter also as a single byte: what a terminal may act on (IN-09).
    bool control = false;
};

/// REQUIRES: !text.empty()
[[nodiscard]] character first_character(std::string_view text) noexcept;

}  // namespace sallyport
