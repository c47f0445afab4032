// Listings of OpenVMS: "NAME.TXT;3   213/216   29-JAN-1996 03:33:12  [OWNER]   (RWED,RWED,RE,)". A long name has its own
// line.
//
// Sizes are in blocks of 512 bytes, so the size of a file is unknown. A name without its version means the newest version,
// which VMS lists first: that entry is returned without its version, older ones with theirs.

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto::list_form {

namespace {

/// "NAME.TXT;3", also with "DISK:[DIR]" before it. The part before the ';', or nothing.
std::string_view base_of(std::string_view word) noexcept {
    const auto semicolon = word.rfind(';');
    if (semicolon == std::string_view::npos || semicolon == 0) return {};
    const auto version = word.substr(semicolon + 1);
    if (version.empty() || version.size() > 5 || !std::ranges::all_of(version, is_digit)) return {};
    return word.substr(0, semicolon);
}

/// "213/216" or "2": blocks used and allocated.
bool is_size(std::string_view word) noexcept {
    const auto slash = word.find('/');
    return parse_decimal(word.substr(0, slash)) &&
           (slash == std::string_view::npos || parse_decimal(word.substr(slash + 1)));
}

bool has_icase(std::string_view text, std::string_view part) noexcept {
    for (std::size_t i = 0; i + part.size() <= text.size(); ++i)
        if (iequals(text.substr(i, part.size()), part)) return true;
    return false;
}

/// Size, date, time, owner and protection, in any order. Only lines with a date are recognized.
bool read_facts(std::string_view text, entry& into) {
    constexpr std::size_t max_facts = 12;
    words line(text);
    civil_time t;
    bool dated = false;
    bool sized = false;
    std::size_t count = 0;
    for (auto word = line.next(); !word.empty(); word = line.next()) {
        if (++count > max_facts) return false;
        if (!dated && read_day_month_year(word, t)) {
            dated = true;
            auto attempt = line;
            if (read_clock(attempt.next(), t)) line = attempt;
        } else if (word.starts_with('[') || word.starts_with('(')) {
            if (word.starts_with('[')) into.owner = word;
        } else if (!sized && is_size(word)) {
            sized = true;
        }
    }
    const auto seconds = dated ? to_seconds(t) : std::nullopt;
    set_modified(into, seconds);
    return seconds.has_value();
}

void set_name(std::string_view word, list_state& state, entry& into) {
    // A directory before the name is the listed directory.
    if (const auto bracket = word.rfind(']'); bracket != std::string_view::npos && bracket + 1 < word.size())
        word.remove_prefix(bracket + 1);
    const auto base = base_of(word);
    constexpr std::string_view directory = ".DIR";
    if (base.size() > directory.size() && iequals(base.substr(base.size() - directory.size()), directory)) {
        into.type = entry_type::directory;
        into.name = base.substr(0, base.size() - directory.size());
        return;
    }
    into.name = base == state.previous_name ? word : base;
    state.previous_name = base;
}

}  // namespace

verdict read_vms(std::string_view text, list_state& state, entry& into) {
    if (starts_with_icase(text, "Directory ") && text.find_first_of(":[") != std::string_view::npos) return verdict::heading;
    if (starts_with_icase(text, "Total of ") || starts_with_icase(text, "Grand total of ")) return verdict::heading;
    // "%DIRECT-W-NOFILES, no files found"
    if (text.starts_with('%') && (has_icase(text, "NOFILES") || has_icase(text, "no files found"))) return verdict::heading;
    words line(text);
    const auto name = line.next();
    if (name.data() != text.data()) {
        // The rest of an entry on a second line: its owner and protection.
        const bool rest = name.starts_with('[') || name.starts_with('(');
        return rest && !state.previous_name.empty() && text.find_last_not_of(" \t") == text.find_last_of(")]")
                   ? verdict::heading
                   : verdict::unknown;
    }
    if (base_of(name).empty()) return verdict::unknown;
    const auto facts = line.after_blanks();
    if (facts.empty()) {
        state.pending_name = name;
        return verdict::unfinished;
    }
    // "%RMS-E-PRV, insufficient privilege or file protection violation": the file exists, but its facts are not shown.
    if (!read_facts(facts, into) && !has_icase(facts, "privilege")) return verdict::unknown;
    set_name(name, state, into);
    return into.name.empty() ? verdict::unknown : verdict::entry;
}

bool complete_vms(std::string_view name, std::string_view line, list_state& state, entry& into) {
    if (!base_of(words(line).next()).empty() || !read_facts(line, into)) return false;
    set_name(name, state, into);
    return !into.name.empty();
}

}  // namespace sallyport::proto::list_form
