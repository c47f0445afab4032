// Listings in the format of `ls -l` and similar ones: Unix, IIS in Unix style, NetPresenz, plain numbers, NetWare, EPLF.

#include <array>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto::list_form {

namespace {

/// "-rw-r-xr-T", optionally followed by '+', '.' or '@' for an access list.
bool read_mode(std::string_view word, entry& into) noexcept {
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

/// "34.5k", "12M": `ls -h` rounds, so the size is unknown.
bool is_rounded_size(std::string_view word) noexcept {
    constexpr std::string_view units = "KMGTPkmgtp";
    if (word.size() < 2 || units.find(word.back()) == std::string_view::npos) return false;
    word.remove_suffix(1);
    return is_digit(word.front()) && is_digit(word.back()) && std::ranges::count(word, '.') <= 1 &&
           std::ranges::all_of(word, [](char c) { return is_digit(c) || c == '.'; });
}

/// The size, or "major, minor" of a device, then the time. If the line has both, `line` is then at the name.
bool read_size_and_time(words& line, std::int64_t now, entry& into) {
    auto word = line.next();
    into.has_size = false;
    into.size = 0;
    if (word.ends_with(',')) {
        word.remove_suffix(1);
        if (!parse_decimal(word) || !parse_decimal(line.next())) return false;
    } else if (const auto comma = word.find(','); comma != std::string_view::npos) {
        if (!parse_decimal(word.substr(0, comma)) || !parse_decimal(word.substr(comma + 1))) return false;
    } else if (const auto size = parse_decimal(word)) {
        into.size = *size;
        into.has_size = into.type != entry_type::other;
    } else if (!is_rounded_size(word)) {
        return false;
    }
    const auto time = read_ls_time(line, now);
    if (!time) return false;
    set_modified(into, time->seconds);
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

/// "0100644 500 101 12345 123456789 name": mode, owner, group, size and seconds since 1970 as numbers.
bool read_numbers(std::string_view text, entry& into) {
    words line(text);
    const auto mode = line.next();
    if (mode.size() < 6 || mode.size() > 7 || mode.find_first_not_of("01234567") != std::string_view::npos) return false;
    std::uint32_t value = 0;
    for (const char c : mode) value = value * 8 + static_cast<std::uint32_t>(c - '0');
    switch (value >> 12U) {
        case 010: into.type = entry_type::file; break;
        case 004: into.type = entry_type::directory; break;
        case 012: into.type = entry_type::link; break;
        default: return false;
    }
    into.mode = value & 07777U;
    into.owner = line.next();
    into.group = line.next();
    const auto size = parse_decimal(line.next());
    const auto seconds = parse_decimal(line.next(), UINT32_MAX);
    if (!parse_decimal(into.owner) || !parse_decimal(into.group) || !size || !seconds) return false;
    into.size = *size;
    into.has_size = true;
    set_modified(into, static_cast<std::int64_t>(*seconds));
    read_name(line.after_blanks(), into);
    return !into.name.empty();
}

}  // namespace

/// After the mode come links, owner and group (maybe with a domain). Some servers omit some of them, so the first size that
/// is followed by a time determines their number.
verdict read_unix(std::string_view text, list_state& state, entry& into) {
    if (is_digit(text.front())) return read_numbers(text, into) ? verdict::entry : verdict::unknown;
    words line(text);
    if (!read_mode(line.next(), into)) return verdict::unknown;
    std::array<std::string_view, 5> before;
    for (std::size_t count = 0; count < before.size(); ++count) {
        auto attempt = line;
        if (read_size_and_time(attempt, state.now, into)) {
            read_name(attempt.after_blank(), into);
            if (into.name.empty()) return verdict::unknown;
            const auto links = count > 0 ? parse_decimal(before[0], UINT32_MAX) : std::nullopt;
            if (links) into.links = static_cast<std::uint32_t>(*links);
            const std::size_t owner = links ? 1 : 0;
            if (count > owner) into.owner = before[owner];
            if (count > owner + 1) into.group = before[owner + 1];
            return verdict::entry;
        }
        before[count] = line.next();
    }
    return verdict::unknown;
}

/// "d [R----F--] supervisor            512       Jan 16 18:53    login": trustee rights, no links, no group.
verdict read_netware(std::string_view text, list_state& state, entry& into) {
    const char kind = text.front();
    if (kind != 'd' && kind != '-') return verdict::unknown;
    words line(text.substr(1));
    const auto rights = line.next();
    if (rights.size() < 3 || !rights.starts_with('[') || !rights.ends_with(']')) return verdict::unknown;
    if (rights.find_first_not_of("-ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1) != rights.size() - 1) return verdict::unknown;
    into.type = kind == 'd' ? entry_type::directory : entry_type::file;
    into.owner = line.next();
    if (!read_size_and_time(line, state.now, into)) return verdict::unknown;
    into.has_size = into.has_size && kind == '-';
    into.name = line.after_blanks();
    return into.name.empty() ? verdict::unknown : verdict::entry;
}

/// "+i8388621.48594,m825718503,r,s280,\tname" (D. J. Bernstein's Easily Parsed LIST Format).
verdict read_eplf(std::string_view text, list_state& /*state*/, entry& into) {
    const auto tab = text.find('\t');
    if (!text.starts_with('+') || tab == std::string_view::npos || tab + 1 == text.size()) return verdict::unknown;
    auto facts = text.substr(1, tab - 1);
    into.type = entry_type::other;
    while (!facts.empty()) {
        const auto fact = facts.substr(0, facts.find(','));
        facts.remove_prefix(std::min(fact.size() + 1, facts.size()));
        if (fact.empty()) continue;
        const auto value = fact.substr(1);
        switch (fact.front()) {
            case '/': into.type = entry_type::directory; break;
            case 'r':
                if (into.type == entry_type::other) into.type = entry_type::file;
                break;
            case 's':
                if (const auto size = parse_decimal(value)) {
                    into.size = *size;
                    into.has_size = true;
                }
                break;
            case 'm':
                if (const auto seconds = parse_decimal(value, UINT32_MAX * std::uint64_t{16}))
                    set_modified(into, static_cast<std::int64_t>(*seconds));
                break;
            default: break;
        }
    }
    into.name = text.substr(tab + 1);
    return verdict::entry;
}

}  // namespace sallyport::proto::list_form
