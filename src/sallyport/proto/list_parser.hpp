#pragma once
// Parser for LIST replies, in the formats that servers send: Unix in many languages, NetWare, MS-DOS, OS/2, VMS, MVS (z/OS),
// OS/400 and EPLF.
//
// LIST has no specified format. Lines that are not recognized are counted, so that the caller never takes an unreadable
// listing for an empty directory. Names are the server's and must be checked with is_safe_name(). A value, one per listing;
// one thread at a time.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {

/// State that some formats carry from one line to the next.
struct list_state {
    std::int64_t now = 0;
    // The number of lines read so far, including the current one.
    std::size_t lines = 0;
    // VMS: a long name whose facts are on the next line.
    std::string pending_name;
    // VMS: the previous name without its version; older versions of the same file follow it.
    std::string previous_name;
    // MVS: a heading for PDS members was read, so a single word is a member without statistics.
    bool member_names = false;
};

class list_parser {
public:
    /// `now` (seconds since 1970) determines the year of lines without one.
    explicit list_parser(std::int64_t now) { state_.now = now; }

    /// Takes one line without its end. Nothing if the line does not complete an entry.
    [[nodiscard]] std::optional<entry> read(std::string_view line);
    /// After the last line: a name without facts counts as unrecognized.
    void finish();

    /// Number of lines in no known format.
    [[nodiscard]] std::size_t unrecognized() const noexcept { return unrecognized_; }
    /// The first such line, as a sample for messages; empty if there is none. Escape it before display.
    [[nodiscard]] const std::string& first_unrecognized() const noexcept { return first_unrecognized_; }

private:
    void note_unrecognized(std::string_view line);

    list_state state_;
    std::size_t unrecognized_ = 0;
    std::string first_unrecognized_;
};

}  // namespace sallyport::proto
