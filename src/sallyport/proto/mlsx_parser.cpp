// Parsers for lines of MLSD and MLST, and for times in the format of RFC 3659.

#include <algorithm>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {
namespace {

entry_type type_of(std::string_view value, entry& into) {
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

std::optional<std::uint32_t> octal(std::string_view text) noexcept {
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
    if (!facts.empty() && facts.find('=') == std::string_view::npos)
        return fail(errc::syntax, "The server sent an MLSD line without facts: " + std::string(line.substr(0, 200)));
    while (!facts.empty()) {
        const auto fact = facts.substr(0, facts.find(';'));
        const auto equals = fact.find('=');
        if (equals != std::string_view::npos) read_fact(fact.substr(0, equals), fact.substr(equals + 1), out);
        facts.remove_prefix(std::min(fact.size() + 1, facts.size()));
    }
    return out;
}

}  // namespace sallyport::proto
