#include <sallyport/base/ascii.hpp>
#include <sallyport/base/character.hpp>
#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/listing.hpp>

#include <algorithm>
#include <array>

namespace sallyport::proto {
namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t half_a_year = 365 * day / 2;

struct fact_name {
    std::string_view display_name;
    bool fact_set::* chosen;
};
constexpr auto fact_names = std::to_array<fact_name>({{"type", &fact_set::type},
                                                      {"size", &fact_set::size},
                                                      {"modify", &fact_set::modify},
                                                      {"perm", &fact_set::perm},
                                                      {"unique", &fact_set::unique},
                                                      {"UNIX.mode", &fact_set::unix_mode},
                                                      {"UNIX.owner", &fact_set::unix_owner},
                                                      {"UNIX.group", &fact_set::unix_group}});

// A directory can have a million names, so each of these appends to the text once and not by characters.

// Right-aligned in `width`, as ls does.
void append_number(std::string& out, std::uint64_t value, std::size_t width) {
    std::array<char, 20> text{};
    text.fill(' ');
    auto at = text.size();
    do {
        text[--at] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value > 0);
    const auto from = std::min(at, text.size() - width);
    out.append(text.data() + from, text.size() - from);
}

// The last `width` decimal digits, four at most, with leading zeros.
void append_digits(std::string& out, std::uint64_t value, std::size_t width) {
    std::array<char, 4> text{};
    text.fill('0');
    for (auto at = text.size(); at > 0 && value > 0; value /= 10) text[--at] = static_cast<char>('0' + value % 10);
    out.append(text.data() + text.size() - width, width);
}

// With '_' in place of control characters, blanks and `also`.
void append_word(std::string& out, std::string_view text, char also = ' ') {
    const auto start = static_cast<std::ptrdiff_t>(out.size());
    out += text;
    std::replace_if(out.begin() + start, out.end(), [also](char c) { return is_control(c) || c == ' ' || c == also; }, '_');
}

void append_padded(std::string& out, std::string_view text, std::size_t width) {
    append_word(out, text);
    if (text.size() < width) out.append(width - text.size(), ' ');
}

bool is_plain(char c) { return c >= ' ' && c < '\x7f'; }

// The value of a fact ends at ';', and the facts end at the first blank (RFC 3659, section 7.2).
void append_fact(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += '=';
    append_word(out, value, ';');
    out += ';';
}

[[nodiscard]] char type_letter(entry_type type) noexcept {
    switch (type) {
        case entry_type::file: return '-';
        case entry_type::directory:
        case entry_type::current:
        case entry_type::parent: return 'd';
        case entry_type::link: return 'l';
        case entry_type::other: return 's';
    }
    return '-';
}

void append_mode(std::string& out, std::uint32_t mode) {
    std::array<char, 9> text{'r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x'};
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((mode >> (8U - i) & 1U) == 0) text[i] = '-';
    }
    const auto special = [&](std::uint32_t bit, std::size_t at, char lower) {
        if ((mode & bit) != 0) text[at] = text[at] == 'x' ? lower : to_upper(lower);
    };
    special(04000, 2, 's');
    special(02000, 5, 's');
    special(01000, 8, 't');
    out.append(text.data(), text.size());
}

// "Jan 02 15:04", or "Jan 02  2006": clients take the first form for the latest such date that is not in the future.
void append_ls_time(std::string& out, std::int64_t seconds, std::int64_t now) {
    const auto t = to_civil(seconds);
    out += month_names[t.month - 1U];
    out += ' ';
    append_digits(out, t.day, 2);
    out += ' ';
    if (seconds > now + day || seconds < now - half_a_year) {
        out += ' ';
        append_digits(out, t.year, 4);
        return;
    }
    append_digits(out, t.hour, 2);
    out += ':';
    append_digits(out, t.minute, 2);
}

void append_time(std::string& out, std::int64_t seconds) {
    const auto t = to_civil(seconds);
    append_digits(out, t.year, 4);
    for (const auto part : {t.month, t.day, t.hour, t.minute, t.second}) append_digits(out, part, 2);
}

void append_type_fact(std::string& out, const entry& e) {
    switch (e.type) {
        case entry_type::file: out += "type=file;"; return;
        case entry_type::directory: out += "type=dir;"; return;
        case entry_type::current: out += "type=cdir;"; return;
        case entry_type::parent: out += "type=pdir;"; return;
        case entry_type::link: out += "type=OS.unix=symlink;"; return;
        case entry_type::other: out += "type=OS.unix=other;"; return;
    }
}

void append_facts(std::string& out, const entry& e, const fact_set& facts) {
    if (facts.type) append_type_fact(out, e);
    if (facts.size && e.type == entry_type::file) {
        out += "size=";
        append_number(out, e.size, 0);
        out += ';';
    }
    if (facts.modify) {
        out += "modify=";
        append_time(out, e.modified);
        out += ';';
    }
    if (facts.perm) append_fact(out, "perm", e.perm);
    if (facts.unique && !e.unique.empty()) append_fact(out, "unique", e.unique);
    if (facts.unix_mode) {
        out += "UNIX.mode=0";
        for (const auto shift : {6U, 3U, 0U}) out += static_cast<char>('0' + (e.mode >> shift & 7U));
        out += ';';
    }
    if (facts.unix_owner) append_fact(out, "UNIX.owner", e.owner);
    if (facts.unix_group) append_fact(out, "UNIX.group", e.group);
    out += ' ';
}

}  // namespace

fact_set fact_set::parse(std::string_view list) {
    fact_set out;
    for (const auto& fact : fact_names) out.*fact.chosen = false;
    while (!list.empty()) {
        const auto name = list.substr(0, list.find(';'));
        for (const auto& fact : fact_names) {
            if (iequals(name, fact.display_name)) out.*fact.chosen = true;
        }
        list.remove_prefix(std::min(name.size() + 1, list.size()));
    }
    return out;
}

std::string fact_set::feat() const {
    std::string out;
    for (const auto& fact : fact_names) out.append(fact.display_name).append(this->*fact.chosen ? "*;" : ";");
    return out;
}

std::string fact_set::text() const {
    std::string out;
    for (const auto& fact : fact_names) {
        if (this->*fact.chosen) out.append(fact.display_name) += ';';
    }
    return out;
}

void append_name(std::string& out, std::string_view name) {
    while (!name.empty()) {
        const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(name, is_plain) - name.begin());
        out += name.substr(0, plain);
        name.remove_prefix(plain);
        if (name.empty()) return;
        const character next = first_character(name);
        if (next.control)
            out += '?';
        else
            out += name.substr(0, next.length);
        name.remove_prefix(next.length);
    }
}

void append_unix_line(std::string& out, const entry& e, std::int64_t now) {
    out += type_letter(e.type);
    append_mode(out, e.mode);
    out += ' ';
    append_number(out, e.links, 4);
    out += ' ';
    append_padded(out, e.owner, 8);
    out += ' ';
    append_padded(out, e.group, 8);
    out += ' ';
    append_number(out, e.size, 12);
    out += ' ';
    append_ls_time(out, e.modified, now);
    out += ' ';
    append_name(out, e.name);
    if (e.type == entry_type::link && !e.link_target.empty()) {
        out += " -> ";
        append_name(out, e.link_target);
    }
    out += "\r\n";
}

void append_mlsx(std::string& out, const entry& e, const fact_set& facts) {
    append_facts(out, e, facts);
    append_name(out, e.name);
    out += "\r\n";
}

std::string mlst_line(const entry& e, const fact_set& facts, std::string_view display_name) {
    std::string out = " ";
    append_facts(out, e, facts);
    append_name(out, display_name);
    return out;
}

std::string format_time(std::int64_t seconds) {
    std::string out;
    append_time(out, seconds);
    return out;
}

bool is_safe_name(std::string_view name) noexcept {
    if (name.empty() || name == "." || name == "..") return false;
    for (const char c : name) {
        if (c == '/' || is_control(c)) return false;
    }
    return true;
}

}  // namespace sallyport::proto
