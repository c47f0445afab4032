#pragma once
// Reads a LIST reply line by line, in whatever form the server's system has: Unix in many languages, NetWare, MS-DOS, OS/2,
// VMS, MVS (z/OS), OS/400 and EPLF. LIST has no specification, so every line that is not understood is counted, and a
// caller never takes a listing that it couldn't read for an empty directory.
//
// Plain value, one listing each, one thread. Names are the server's: check them with is_safe_name().

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {

/// What some forms carry from one line to the next.
struct list_state {
    std::int64_t now = 0;
    std::size_t lines = 0;      // read so far, including the current one
    std::string pending_name;   // VMS: a long name; its facts are due on the next line
    std::string previous_name;  // VMS: the last file without its version, for older versions of the same file
    bool member_names = false;  // MVS: a heading of PDS members was seen, so a single word is a member without statistics
};

class list_parser {
public:
    /// `now` (seconds since 1970) guesses the year of lines without one.
    explicit list_parser(std::int64_t now) { state_.now = now; }

    /// One line without its end. Nothing if the line completes no entry.
    [[nodiscard]] std::optional<entry> read(std::string_view line);
    /// After the last line: a name whose facts never came counts as not understood.
    void finish();

    /// Lines that are not of any known form.
    [[nodiscard]] std::size_t unrecognized() const noexcept { return unrecognized_; }
    /// The first of them, as a sample for messages; empty if there is none. Escape before showing.
    [[nodiscard]] const std::string& first_unrecognized() const noexcept { return first_unrecognized_; }

private:
    void note_unrecognized(std::string_view line);

    list_state state_;
    std::size_t unrecognized_ = 0;
    std::string first_unrecognized_;
};

}  // namespace sallyport::proto
