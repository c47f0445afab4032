// Listings of IBM systems: MVS (z/OS) datasets and members of partitioned datasets, and OS/400 (IBM i).
//
// MVS counts tracks and records, so sizes are unknown. "Referred" is the day of the last use, not of the last change.

#include <array>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto::list_form {

namespace {

/// A dataset or member name: letters, digits, national characters, and quotes around a full name.
bool is_dataset_name(std::string_view word) noexcept {
    return !word.empty() && std::ranges::all_of(word, [](char c) {
        return is_alpha(c) || is_digit(c) || std::string_view(".$#@-_'()").find(c) != std::string_view::npos;
    });
}

/// "2004/06/22".
bool read_mvs_date(std::string_view word, civil_time& into) noexcept {
    if (word.size() != 10 || word[4] != '/' || word[7] != '/') return false;
    const auto year = small_number(word.substr(0, 4), 9999);
    const auto month = small_number(word.substr(5, 2), 12);
    const auto day = small_number(word.substr(8, 2), 31);
    if (!year || !month || !day) return false;
    into.year = *year;
    into.month = *month;
    into.day = *day;
    return true;
}

/// The organization of a dataset: PS, PO, PO-E, DA, VSAM ...
std::optional<entry_type> organization(std::string_view word) noexcept {
    if (word == "PO" || word == "PO-E" || word == "POU" || word == "PDSE") return entry_type::directory;
    if (word == "PS" || word == "PS-E" || word == "PS-L" || word == "PSU" || word == "DA" || word == "DAU" || word == "IS")
        return entry_type::file;
    if (word == "VS" || word == "VSAM") return entry_type::other;
    return std::nullopt;
}

/// "VOL001 3390   2003/05/21  1  200  FB      80  8053  PS  A.FILE", and short lines for datasets that are not on a disk.
bool read_dataset(const columns& word, entry& into) {
    const auto n = word.count;
    if (n < 2 || word.too_many || !is_dataset_name(word.last())) return false;
    const auto before = word[n - 2];
    into.name = word.last();
    if (iequals(word[0], "Migrated") && n == 2) return true;
    if (n == 3 && iequals(before, "Tape")) return true;
    if (n >= 5 && iequals(word[n - 5], "Not") && iequals(word[n - 4], "Direct") && iequals(word[n - 3], "Access") &&
        iequals(before, "Device"))
        return true;
    if (n == 3 && iequals(word[0], "Pseudo") && iequals(before, "Directory")) {
        into.type = entry_type::directory;
        return true;
    }
    const auto type = organization(before);
    if (!type) return false;
    into.type = *type;
    // "VOL001 3390 VSAM NAME".
    if (*type == entry_type::other && n <= 4) return true;
    civil_time t;
    return n >= 6 && (read_mvs_date(word[2], t) || word[2] == "**NONE**");
}

/// "NAME  01.01 2004/06/22 2004/06/22 16:32   128   128    0 USER".
bool read_member(const columns& word, entry& into) {
    const auto version = word[1];
    civil_time created;
    civil_time changed;
    if (word.count < 8 || word.count > 9 || version.size() != 5 || version[2] != '.' || !read_mvs_date(word[2], created) ||
        !read_mvs_date(word[3], changed) || !read_clock(word[4], changed) || !is_dataset_name(word[0]))
        return false;
    into.name = word[0];
    set_modified(into, to_seconds(changed));
    return true;
}

/// "NAME   00B308 000411  00 FO        RU      31    ANY": a load module.
bool read_module(const columns& word, entry& into) {
    if (word.count < 4 || !is_dataset_name(word[0]) || !is_hexadecimal(word[1], 6) || !is_hexadecimal(word[2], 6))
        return false;
    into.name = word[0];
    return true;
}

/// Year first, month first or day first, by the system's setting. Known only if all interpretations that give a day in the
/// past give the same day.
std::optional<std::int64_t> read_os400_time(std::string_view date, std::string_view clock, std::int64_t now, bool& fits) {
    civil_time t;
    fits = date.size() == 8 && date[2] == date[5] && std::string_view("/.-").find(date[2]) != std::string_view::npos &&
           read_clock(clock, t);
    if (!fits) return std::nullopt;
    const std::array parts{date.substr(0, 2), date.substr(3, 2), date.substr(6, 2)};
    // The positions of year, month and day.
    constexpr std::array<std::array<std::size_t, 3>, 3> orders{{{0, 1, 2}, {2, 0, 1}, {2, 1, 0}}};
    std::optional<std::int64_t> found;
    for (const auto& order : orders) {
        // "01.12.06" has the day first.
        if (date[2] == '.' && order[2] != 0) continue;
        const auto year = read_year(parts[order[0]]);
        const auto month = small_number(parts[order[1]], 12);
        const auto day = small_number(parts[order[2]], 31);
        if (!year || !month || !day) continue;
        t.year = *year;
        t.month = *month;
        t.day = *day;
        const auto seconds = to_seconds(t);
        if (!seconds || *seconds > now + 86400) continue;
        if (found && *found != *seconds) return std::nullopt;
        found = seconds;
    }
    return found;
}

/// "*FILE", "*STMF", "*MEM".
bool is_object_type(std::string_view word) noexcept {
    return word.size() > 2 && word.front() == '*' &&
           std::ranges::all_of(word.substr(1), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

verdict read_mvs(std::string_view text, list_state& state, entry& into) {
    const columns word(text);
    if (word[0] == "Volume" && word[1] == "Unit") return verdict::heading;
    if (word[0] == "Name" && (word[1] == "VV.MM" || (word[1] == "Size" && word[2] == "TTR"))) {
        state.member_names = true;
        return verdict::heading;
    }
    if (read_dataset(word, into) || read_member(word, into) || read_module(word, into)) return verdict::entry;
    // A member that was saved without statistics.
    if (!state.member_names || word.count != 1 || word[0].size() > 8 || !is_dataset_name(word[0])) return verdict::unknown;
    into = entry{};
    into.name = word[0];
    return verdict::entry;
}

/// "QSYS            77824 02/23/00 15:09:55 *DIR       name/", and "QSYS  *MEM  name" for members.
verdict read_os400(std::string_view text, list_state& state, entry& into) {
    words line(text);
    std::array<std::string_view, 5> word;
    std::size_t at = 0;
    for (; at < word.size(); ++at) {
        word[at] = line.next();
        if (is_object_type(word[at])) break;
    }
    if (at != 4 && at > 1) return verdict::unknown;
    const auto type = word[at];
    if (at > 0) into.owner = word[0];
    into.type =
        type == "*DIR" || type == "*LIB" || type == "*FLR" || type == "*DDIR" ? entry_type::directory : entry_type::file;
    if (at == 4) {
        const auto size = parse_decimal(word[1]);
        bool dated = false;
        set_modified(into, read_os400_time(word[2], word[3], state.now, dated));
        if (!size || !dated) return verdict::unknown;
        into.size = *size;
        into.has_size = true;
    }
    auto name = line.after_blanks();
    if (name.ends_with('/')) {
        into.type = entry_type::directory;
        name.remove_suffix(1);
    }
    into.has_size = into.has_size && into.type == entry_type::file;
    into.name = name;
    return name.empty() ? verdict::unknown : verdict::entry;
}

}  // namespace sallyport::proto::list_form
