#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/listing.hpp>

#include <algorithm>

namespace sallyport::proto {
namespace {

// ---- Words ---------------------------------------------------------------------------------------------------------

/// Takes blank-separated words from the front of a line. Copies are cheap: a copy is a place to come back to.
class words {
public:
    explicit words(std::string_view line) noexcept : rest_(line) {}

    [[nodiscard]] std::string_view next() noexcept {
        skip_blanks();
        const auto word = rest_.substr(0, std::min(rest_.find_first_of(" \t"), rest_.size()));
        rest_.remove_prefix(word.size());
        return word;
    }
    void skip_blanks() noexcept { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
    /// What stands after exactly one blank: a name, whose own leading blanks belong to it.
    [[nodiscard]] std::string_view after_blank() const noexcept {
        return rest_.starts_with(' ') ? rest_.substr(1) : std::string_view();
    }

private:
    std::string_view rest_;
};

[[nodiscard]] std::optional<unsigned> small_number(std::string_view text, unsigned max) noexcept {
    const auto value = text.size() > 4 ? std::nullopt : parse_decimal(text, max);
    return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
}

/// "15:04" or "15:04:05".
[[nodiscard]] bool read_clock(std::string_view text, civil_time& into) noexcept {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto second_colon = text.find(':', colon + 1);
    const auto hour = small_number(text.substr(0, colon), 23);
    const auto minute = small_number(
        text.substr(colon + 1, second_colon == std::string_view::npos ? second_colon : second_colon - colon - 1), 59);
    if (!hour || !minute) return false;
    into.hour = *hour;
    into.minute = *minute;
    return second_colon == std::string_view::npos || small_number(text.substr(second_colon + 1), 60).has_value();
}

// ---- MLSx ----------------------------------------------------------------------------------------------------------

[[nodiscard]] entry_type type_of(std::string_view value, entry& into) {
    if (iequals(value, "file")) return entry_type::file;
    if (iequals(value, "dir")) return entry_type::directory;
    if (iequals(value, "cdir")) return entry_type::current;
    if (iequals(value, "pdir")) return entry_type::parent;
    if (iequals(value, "OS.unix=symlink")) return entry_type::link;
    constexpr std::string_view slink = "OS.unix=slink";
    if (starts_with_icase(value, slink)) {
        const auto target = value.substr(slink.size());
        if (target.size() > 1 && target.starts_with(':')) into.link_target = target.substr(1);
        return entry_type::link;
    }
    return entry_type::other;
}

[[nodiscard]] std::optional<std::uint32_t> octal(std::string_view text) noexcept {
    if (text.empty() || text.size() > 8) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '7') return std::nullopt;
        value = value * 8 + static_cast<std::uint32_t>(c - '0');
    }
    return value & 07777U;
}

void read_fact(std::string_view name, std::string_view value, entry& into) {
    if (iequals(name, "type")) {
        into.type = type_of(value, into);
    } else if (iequals(name, "size") || iequals(name, "sizd")) {
        if (const auto size = parse_decimal(value)) {
            into.size = *size;
            into.has_size = true;
        }
    } else if (iequals(name, "modify")) {
        if (const auto time = parse_time(value)) {
            into.modified = *time;
            into.has_modified = true;
        }
    } else if (iequals(name, "perm")) {
        into.perm = value;
    } else if (iequals(name, "unique")) {
        into.unique = value;
    } else if (iequals(name, "UNIX.mode")) {
        if (const auto mode = octal(value)) into.mode = *mode;
    } else if (iequals(name, "UNIX.owner")) {
        into.owner = value;
    } else if (iequals(name, "UNIX.group")) {
        into.group = value;
    }
}

// ---- Unix ----------------------------------------------------------------------------------------------------------

/// "-rw-r-xr-T", perhaps with '+', '.' or '@' for an access list behind it.
[[nodiscard]] bool read_mode(std::string_view word, entry& into) noexcept {
    if (word.size() < 10 || word.size() > 11) return false;
    if (word.size() == 11 && std::string_view("+.@").find(word[10]) == std::string_view::npos) return false;
    switch (word[0]) {
        case '-': into.type = entry_type::file; break;
        case 'd': into.type = entry_type::directory; break;
        case 'l': into.type = entry_type::link; break;
        case 'b':
        case 'c':
        case 'p':
        case 's':
        case 'D': into.type = entry_type::other; break;
        default: return false;
    }
    into.mode = 0;
    constexpr std::string_view allowed[] = {"r-", "w-", "xsSlL-", "r-", "w-", "xsSlL-", "r-", "w-", "xtT-"};
    constexpr std::uint32_t special[] = {04000, 02000, 01000};
    for (std::size_t i = 0; i < 9; ++i) {
        const char c = word[i + 1];
        if (allowed[i].find(c) == std::string_view::npos) return false;
        const bool set = c != '-' && c != 'S' && c != 'T' && c != 'l' && c != 'L';
        into.mode = into.mode << 1U | (set ? 1U : 0U);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        const char c = word[3 * i + 3];
        if (c != 'x' && c != '-') into.mode |= special[i];
    }
    return true;
}

/// A time without year is the latest such moment that is not more than a day ahead: servers' clocks and zones differ.
[[nodiscard]] std::optional<std::int64_t> latest_before(civil_time t, std::int64_t now) noexcept {
    const auto limit = now + 86400;
    const unsigned this_year = to_civil(limit).year;
    // 29 February exists once in four years, in some centuries once in eight.
    for (unsigned back = 0; back <= 8 && back < this_year; ++back) {
        t.year = this_year - back;
        const auto seconds = to_seconds(t);
        if (seconds && *seconds <= limit) return seconds;
    }
    return std::nullopt;
}

/// "Jan  2 15:04", "Jan  2  2006", "2 Jan 15:04" or "2006-01-02 15:04"; takes the words it used.
[[nodiscard]] std::optional<std::int64_t> read_ls_time(words& line, std::int64_t now) noexcept {
    auto first = line.next();
    if (first.size() == 10 && first[4] == '-' && first[7] == '-') {
        const auto year = small_number(first.substr(0, 4), 9999);
        const auto month = small_number(first.substr(5, 2), 12);
        const auto day = small_number(first.substr(8, 2), 31);
        civil_time t;
        if (!year || !month || !day || !read_clock(line.next(), t)) return std::nullopt;
        t.year = *year;
        t.month = *month;
        t.day = *day;
        return to_seconds(t);
    }
    auto second = line.next();
    if (!first.empty() && is_digit(first[0])) std::swap(first, second);
    const auto* const month = std::ranges::find_if(month_names, [&](auto name) { return iequals(name, first); });
    const auto day = small_number(second, 31);
    if (month == month_names.end() || !day) return std::nullopt;
    civil_time t;
    t.month = static_cast<unsigned>(month - month_names.begin()) + 1;
    t.day = *day;
    const auto third = line.next();
    if (read_clock(third, t)) return latest_before(t, now);
    const auto year = third.size() == 4 ? small_number(third, 9999) : std::nullopt;
    if (!year) return std::nullopt;
    t.year = *year;
    return to_seconds(t);
}

/// Size, or "major, minor" of a device, then the time. Where the line has both, `line` stands before the name.
[[nodiscard]] bool read_size_and_time(words& line, std::int64_t now, entry& into) noexcept {
    auto word = line.next();
    if (word.ends_with(',')) {
        word.remove_suffix(1);
        if (!parse_decimal(word) || !parse_decimal(line.next())) return false;
    } else if (const auto comma = word.find(','); comma != std::string_view::npos) {
        if (!parse_decimal(word.substr(0, comma)) || !parse_decimal(word.substr(comma + 1))) return false;
    } else {
        const auto size = parse_decimal(word);
        if (!size) return false;
        into.size = *size;
        into.has_size = into.type != entry_type::other;
    }
    const auto time = read_ls_time(line, now);
    if (!time) return false;
    into.modified = *time;
    into.has_modified = true;
    return true;
}

void read_name(std::string_view text, entry& into) {
    constexpr std::string_view arrow = " -> ";
    if (const auto at = into.type == entry_type::link ? text.find(arrow) : std::string_view::npos;
        at != std::string_view::npos) {
        into.link_target = text.substr(at + arrow.size());
        text = text.substr(0, at);
    }
    into.name = text;
}

/// After the mode come links, owner, group, each of which some server leaves out: the first size with a time behind it
/// decides how many there were.
[[nodiscard]] std::optional<entry> parse_unix(std::string_view text, std::int64_t now) {
    words line(text);
    entry out;
    if (!read_mode(line.next(), out)) return std::nullopt;
    std::string_view before[4];
    for (std::size_t count = 0; count < 4; ++count) {
        auto attempt = line;
        if (read_size_and_time(attempt, now, out)) {
            read_name(attempt.after_blank(), out);
            if (out.name.empty()) return std::nullopt;
            const auto links = count > 0 ? parse_decimal(before[0], UINT32_MAX) : std::nullopt;
            if (links) out.links = static_cast<std::uint32_t>(*links);
            const std::size_t owner = links ? 1 : 0;
            if (count > owner) out.owner = before[owner];
            if (count > owner + 1) out.group = before[owner + 1];
            return out;
        }
        before[count] = line.next();
    }
    return std::nullopt;
}

// ---- MS-DOS --------------------------------------------------------------------------------------------------------

/// "01-02-06", "01-02-2006" (month first) or "2006-01-02".
[[nodiscard]] bool read_dos_date(std::string_view word, civil_time& into) noexcept {
    if (word.size() != 8 && word.size() != 10) return false;
    const bool year_first = word.size() == 10 && word[4] == '-';
    const std::size_t month_at = year_first ? 5 : 0;
    const char separator = word[month_at + 2];
    if ((separator != '-' && separator != '/') || word[year_first ? 4 : 5] != separator) return false;
    const auto year = small_number(year_first ? word.substr(0, 4) : word.substr(6), 9999);
    const auto month = small_number(word.substr(month_at, 2), 12);
    const auto day = small_number(word.substr(month_at + 3, 2), 31);
    if (!year || !month || !day) return false;
    // Two digits: 1970 to 2069.
    into.year = word.size() == 10 ? *year : *year + (*year < 70 ? 2000U : 1900U);
    into.month = *month;
    into.day = *day;
    return true;
}

/// "03:04PM", "03:04P", "15:04".
[[nodiscard]] bool read_dos_clock(std::string_view word, civil_time& into) noexcept {
    while (!word.empty() && is_alpha(word.back()) && to_upper(word.back()) == 'M') word.remove_suffix(1);
    const char half = word.empty() ? ' ' : to_upper(word.back());
    const bool twelve = half == 'A' || half == 'P';
    if (twelve) word.remove_suffix(1);
    if (!read_clock(word, into) || (twelve && (into.hour < 1 || into.hour > 12))) return false;
    if (twelve) into.hour = into.hour % 12 + (half == 'P' ? 12 : 0);
    return true;
}

[[nodiscard]] std::optional<entry> parse_dos(std::string_view text) {
    words line(text);
    civil_time t;
    if (!read_dos_date(line.next(), t) || !read_dos_clock(line.next(), t)) return std::nullopt;
    const auto modified = to_seconds(t);
    const auto what = line.next();
    const auto size = parse_decimal(what);
    const bool directory = iequals(what, "<DIR>");
    const bool link = iequals(what, "<JUNCTION>") || iequals(what, "<SYMLINK>") || iequals(what, "<SYMLINKD>");
    if (!modified || (!size && !directory && !link)) return std::nullopt;
    entry out;
    out.type = directory ? entry_type::directory : link ? entry_type::link : entry_type::file;
    out.modified = *modified;
    out.has_modified = true;
    out.size = size.value_or(0);
    out.has_size = size.has_value();
    // IIS pads "<DIR>" to the width of sizes and writes one blank after a size.
    if (!size) line.skip_blanks();
    out.name = size ? line.after_blank() : line.rest();
    if (out.name.empty()) return std::nullopt;
    return out;
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) {
    const auto dot = text.find('.');
    if (dot != std::string_view::npos && !std::ranges::all_of(text.substr(dot + 1), is_digit)) return std::nullopt;
    text = text.substr(0, dot);
    if (text.size() != 14 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
    const auto part = [&](std::size_t at, std::size_t size) {
        return static_cast<unsigned>(*parse_decimal(text.substr(at, size)));
    };
    return to_seconds({part(0, 4), part(4, 2), part(6, 2), part(8, 2), part(10, 2), part(12, 2)});
}

result<entry> parse_mlsx(std::string_view line) {
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos || blank + 1 == line.size()) {
        return fail(errc::syntax, "The server sent an MLSD line without a name: " + std::string(line.substr(0, 200)));
    }
    entry out;
    out.name = line.substr(blank + 1);
    auto facts = line.substr(0, blank);
    while (!facts.empty()) {
        const auto fact = facts.substr(0, facts.find(';'));
        const auto equals = fact.find('=');
        if (equals != std::string_view::npos) read_fact(fact.substr(0, equals), fact.substr(equals + 1), out);
        facts.remove_prefix(std::min(fact.size() + 1, facts.size()));
    }
    return out;
}

std::optional<entry> parse_list_line(std::string_view line, std::int64_t now) {
    if (line.empty()) return std::nullopt;
    return is_digit(line.front()) ? parse_dos(line) : parse_unix(line, now);
}

}  // namespace sallyport::proto
