#include <sallyport/imports/proftpd_source.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/imports/proftpd_directives.hpp>
#include <sallyport/imports/proftpd_limits.hpp>

namespace sallyport::imports {
namespace {

using outcome = import_outcome;

const proftpd_directive* find_directive(std::string_view name) {
    for (const auto& row : proftpd_directives) {
        const bool is_prefix = row.name.ends_with('*');
        if (is_prefix ? starts_with_icase(name, row.name.substr(0, row.name.size() - 1)) : iequals(name, row.name))
            return &row;
    }
    return nullptr;
}

std::string unknown_text(std::string_view name) {
    std::vector<std::string> known;
    for (const auto& row : proftpd_directives) known.emplace_back(row.name);
    return "not a known directive" +
           did_you_mean(name, known, "see the manual of its module, and write what it means by hand");
}

/// A switch or a list that is not in use.
bool is_empty(const proftpd_line& line) {
    const auto value = to_lower(line.value());
    return value.empty() || value == "*" || value == "off" || value == "none" || value == "no" || value == "false";
}

void append(proftpd_section& to, proftpd_section& from) {
    std::ranges::move(from.lines, std::back_inserter(to.lines));
    std::ranges::move(from.sections, std::back_inserter(to.sections));
}

}  // namespace

std::optional<std::uint64_t> parse_seconds(std::string_view text) {
    constexpr std::uint64_t max = 366ULL * 24 * 3600;
    std::uint64_t out = 0;
    if (text.contains(':')) {
        for (int i = 0; i < 3; ++i) {
            const auto part = parse_decimal(text.substr(0, text.find(':')), max);
            if (!part || text.empty()) return std::nullopt;
            out = out * 60 + *part;
            text.remove_prefix(std::min(text.size(), text.find(':') + (text.contains(':') ? 1 : 0)));
            if (i == 2 && !text.empty()) return std::nullopt;
        }
        return std::min(out, max);
    }
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_decimal(text.substr(0, digits), max);
    if (!number) return std::nullopt;
    const auto unit = to_lower(text.substr(digits));
    if (unit.empty() || unit == "s" || unit == "sec") return number;
    if (unit == "m" || unit == "min") return std::min(*number * 60, max);
    if (unit == "h" || unit == "hr") return std::min(*number * 3600, max);
    return std::nullopt;
}

result<proftpd_source> proftpd_source::choose(proftpd_section whole, std::string_view host) {
    proftpd_source out;
    proftpd_section own = {.opening = {}, .lines = std::move(whole.lines), .sections = {}};
    proftpd_section global;
    std::vector<proftpd_section> hosts;
    std::vector<std::string> names;
    for (auto& section : whole.sections) {
        if (section.opening.is("<Global>")) {
            out.note(section.opening, outcome::taken, "its lines count for this server, too");
            append(global, section);
        } else if (section.opening.is("<VirtualHost>")) {
            hosts.push_back(std::move(section));
        } else {
            own.sections.push_back(std::move(section));
        }
    }
    bool is_found = host.empty();
    for (auto& section : hosts) {
        std::ranges::copy(section.opening.words, std::back_inserter(names));
        const bool is_it = !host.empty() && !is_found &&
                           std::ranges::any_of(section.opening.words, [host](const auto& w) { return iequals(w, host); });
        if (!is_it) {
            const auto name = section.opening.words.empty() ? "NAME" : section.opening.words.front();
            out.note_section(
                section, outcome::dropped,
                fmt::format("another server: import it with --virtual-host {}, and run it next to this one", name));
            continue;
        }
        is_found = true;
        out.note_section(own, outcome::dropped, "of the server outside the <VirtualHost>");
        own = std::move(section);
        out.note(own.opening, outcome::taken, "this server");
    }
    if (!is_found)
        return fail(errc::usage, fmt::format("--virtual-host: there is no <VirtualHost {}>{}", escape(host, 100),
                                             did_you_mean(host, names, "see its sections <VirtualHost>")));
    append(out.server_, own);
    append(out.server_, global);
    // An address for the listener.
    out.server_.opening.words = own.opening.words;
    return out;
}

bool proftpd_source::is_on(std::string_view name, bool otherwise) const {
    return sallyport::imports::is_on({&server_}, name, otherwise);
}

result<std::uint64_t> proftpd_source::count(std::string_view name, std::uint64_t otherwise, std::uint64_t none) const {
    constexpr std::uint64_t max = 1'000'000;
    const auto* const line = first(name);
    if (line == nullptr) return otherwise;
    if (line->words.empty()) return refuse_line(*line, fmt::format("{} needs a number", name));
    if (iequals(line->words.front(), "none")) return none;
    const auto number = parse_decimal(line->words.front());
    if (!number) return refuse_line(*line, fmt::format("{} needs a number", name));
    return std::min(*number, max);
}

result<std::uint64_t> proftpd_source::seconds(std::string_view name, std::uint64_t otherwise) const {
    const auto* const line = first(name);
    if (line == nullptr) return otherwise;
    const auto number = line->words.empty() ? std::nullopt : parse_seconds(line->words.front());
    if (!number) return refuse_line(*line, fmt::format("{} needs a number of seconds", name));
    return *number;
}

void proftpd_source::note(const proftpd_line& line, outcome what, std::string_view text) {
    if (!noted_.emplace(line.file, line.line).second) return;
    notes_.push_back({line.line, line.name, line.value(), what, std::string(text), line.file});
}

void proftpd_source::note_setting(std::string_view name, outcome what, std::string_view text,
                                  std::optional<std::string_view> otherwise) {
    const auto* const counts = first(name);
    if (counts == nullptr) {
        if (otherwise) notes_.push_back({0, std::string(name), std::string(*otherwise), what, std::string(text)});
        return;
    }
    note(*counts, what, text);
    for (const auto& line : server_.lines)
        if (&line != counts && line.is(name))
            note(line, outcome::dropped, fmt::format("without effect: line {} of {} counts", counts->line, counts->file));
}

void proftpd_source::note_each(std::string_view name, outcome what, std::string_view text) {
    for (const auto& line : server_.lines)
        if (line.is(name)) note(line, what, text);
}

void proftpd_source::note_section(const proftpd_section& section, outcome what, std::string_view text) {
    if (section.opening.line != 0) note(section.opening, what, text);
    for (const auto& line : section.lines) note(line, what, text);
    for (const auto& inner : section.sections) note_section(inner, what, text);
}

bool proftpd_source::is_noted(const proftpd_line& line) const noexcept { return noted_.contains({line.file, line.line}); }

void proftpd_source::note_others() { note_others_in(server_, false); }

void proftpd_source::note_others_in(const proftpd_section& section, bool is_part) {
    const auto note_one = [this, is_part](const proftpd_line& line) {
        if (is_noted(line)) return;
        const auto* const row = find_directive(line.name);
        if (row == nullptr) {
            note(line, outcome::less_safe, unknown_text(line.name));
        } else if (!row->text.empty()) {
            note(line, row->outcome == outcome::less_safe && is_empty(line) ? outcome::nearest : row->outcome, row->text);
        } else {
            note(line, is_part ? outcome::less_safe : outcome::dropped,
                 is_part ? "not supported in this section; write what it means into the section of the account"
                         : "without effect");
        }
    };
    for (const auto& line : section.lines) note_one(line);
    for (const auto& inner : section.sections) {
        if (inner.opening.is("<IfModule>")) {
            note_section(inner, outcome::dropped, "for a server without the module only");
            continue;
        }
        const auto* const row = find_directive(inner.opening.name);
        const bool has_rule = row != nullptr && row->text.empty();
        if (!has_rule && !is_noted(inner.opening)) {
            note_section(inner, outcome::less_safe,
                         row == nullptr ? unknown_text(inner.opening.name) : std::string(row->text));
            continue;
        }
        note_one(inner.opening);
        note_others_in(inner, true);
    }
}

std::vector<imported_setting> proftpd_source::take_notes() { return std::move(notes_); }

}  // namespace sallyport::imports
