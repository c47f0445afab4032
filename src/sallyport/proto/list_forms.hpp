#pragma once
// The formats of LIST, one recognizer for each family of servers, and the words, times and months that they share.
//
// For list_parser and its parts only; other code uses list_parser.hpp. Pure functions over one line each; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/list_parser.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/words.hpp>

namespace sallyport::proto::list_form {

/// The result of a recognizer.
enum class verdict : std::uint8_t {
    // The line does not belong to this family.
    unknown,
    // The line is an entry, or completes one.
    entry,
    // The line belongs to the listing but is not an entry.
    heading,
    // The line is a name; its facts are on the next line.
    unfinished,
};

using recognizer = verdict (*)(std::string_view line, list_state& state, entry& into);

verdict read_eplf(std::string_view line, list_state& state, entry& into);
verdict read_unix(std::string_view line, list_state& state, entry& into);
verdict read_netware(std::string_view line, list_state& state, entry& into);
verdict read_dos(std::string_view line, list_state& state, entry& into);
verdict read_os2(std::string_view line, list_state& state, entry& into);
verdict read_vms(std::string_view line, list_state& state, entry& into);
/// The second line of an entry whose first line was only `name`. False if `line` has no facts of a file.
bool complete_vms(std::string_view name, std::string_view line, list_state& state, entry& into);
verdict read_mvs(std::string_view line, list_state& state, entry& into);
verdict read_os400(std::string_view line, list_state& state, entry& into);

// ---- Words

/// The first words of a line, at most `max_words`; `too_many` is set for a line with more.
struct columns {
    static constexpr std::size_t max_words = 16;
    explicit columns(std::string_view line) noexcept;

    [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept {
        return i < count ? at[i] : std::string_view();
    }
    [[nodiscard]] std::string_view last() const noexcept { return count == 0 ? std::string_view() : at[count - 1]; }

    std::string_view at[max_words];
    std::size_t count = 0;
    bool too_many = false;
};

// ---- Numbers

[[nodiscard]] std::optional<unsigned> small_number(std::string_view text, unsigned max) noexcept;
/// "9730", and "9,730" or "9.730" in groups of three.
[[nodiscard]] std::optional<std::uint64_t> grouped_number(std::string_view text) noexcept;
[[nodiscard]] bool is_hexadecimal(std::string_view text, std::size_t digits) noexcept;

// ---- Times. Servers send their local time without its zone; it is taken for UTC.

/// The month for a name in the languages of common systems ("Mai", "févr.", "paź", "янв"), in UTF-8 or in the one-byte
/// character sets used before it.
[[nodiscard]] std::optional<unsigned> month_of(std::string_view word);
/// "15:04", "15:04:05" or "15:04:05.000000000".
[[nodiscard]] bool read_clock(std::string_view text, civil_time& into) noexcept;
/// "06", "106" (years since 1900) or "2006"; two digits mean 1970 to 2069.
[[nodiscard]] std::optional<unsigned> read_year(std::string_view text) noexcept;
/// "01-JUN-1999" or "1-jun-99".
[[nodiscard]] bool read_day_month_year(std::string_view word, civil_time& into);

/// A recognized time, with its seconds unless the format is ambiguous (04/03/02).
struct list_time {
    std::optional<std::int64_t> seconds;
};
/// The date and time in a line of `ls -l`, in any of its styles and languages; consumes the words it has read.
[[nodiscard]] std::optional<list_time> read_ls_time(words& line, std::int64_t now);

inline void set_modified(entry& into, std::optional<std::int64_t> seconds) noexcept {
    into.modified = seconds.value_or(0);
    into.has_modified = seconds.has_value();
}

}  // namespace sallyport::proto::list_form
