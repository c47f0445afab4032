#include <sallyport/imports/proftpd_limits.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/ascii.hpp>

namespace sallyport::imports {
namespace {

using command_names = std::vector<std::string_view>;

/// The group of a command in <Limit>; empty for one that only ALL contains.
std::string_view group_of(std::string_view command) {
    static constexpr auto read = std::to_array<std::string_view>({"RETR", "SIZE"});
    static constexpr auto write =
        std::to_array<std::string_view>({"APPE", "DELE", "MKD", "RMD", "RNTO", "STOR", "STOU", "MFF", "MFMT"});
    static constexpr auto dirs =
        std::to_array<std::string_view>({"CDUP", "CWD", "LIST", "MDTM", "MLSD", "MLST", "NLST", "PWD", "RNFR", "STAT"});
    if (std::ranges::find(read, command) != read.end()) return "READ";
    if (std::ranges::find(write, command) != write.end()) return "WRITE";
    return std::ranges::find(dirs, command) != dirs.end() ? "DIRS" : "";
}

/// MKD and XMKD are one command.
bool is_command(std::string_view written, std::string_view command) {
    const bool old = written.size() == command.size() + 1 && to_upper(written.front()) == 'X';
    return iequals(old ? written.substr(1) : written, command);
}

/// Names between blanks and commas, after AND, OR or regex.
struct limit_expression {
    command_names parts;
    bool all = false;
    bool is_regex = false;
};

limit_expression expression_of(const std::vector<std::string>& words, bool all) {
    limit_expression out{.parts = {}, .all = all};
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i == 0 && (iequals(words[i], "AND") || iequals(words[i], "OR") || iequals(words[i], "regex"))) {
            out.all = iequals(words[i], "AND");
            out.is_regex = iequals(words[i], "regex");
            continue;
        }
        for (std::string_view rest = words[i]; !rest.empty();) {
            const auto part = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(rest.size(), part.size() + 1));
            if (!part.empty()) out.parts.push_back(part);
        }
    }
    return out;
}

/// Nothing for a regular expression.
template <class Contains>
std::optional<bool> evaluate(const limit_expression& of, Contains contains) {
    if (of.is_regex || of.parts.empty()) return std::nullopt;
    const auto holds = [&](std::string_view part) {
        return part.starts_with('!') ? !contains(part.substr(1)) : contains(part);
    };
    return of.all ? std::ranges::all_of(of.parts, holds) : std::ranges::any_of(of.parts, holds);
}

std::optional<bool> matches_user(const proftpd_line& line, const proftpd_user& user) {
    return evaluate(expression_of(line.words, false),
                    [&](std::string_view name) { return name == "*" || name == user.name; });
}

std::optional<bool> matches_group(const std::vector<std::string>& words, const proftpd_user& user) {
    return evaluate(expression_of(words, true), [&](std::string_view name) {
        return name == "*" || std::ranges::find(user.groups, name) != user.groups.end();
    });
}

/// "Allow from all", "Deny all".
bool is_for_all(const proftpd_line& line) { return !line.words.empty() && iequals(line.words.back(), "all"); }
bool is_for_none(const proftpd_line& line) { return !line.words.empty() && iequals(line.words.back(), "none"); }

/// What counts for a condition on the address.
enum class addresses : std::uint8_t { never_match, are_ignored };

bool allows(const proftpd_section& limit, const proftpd_user& user, addresses how) {
    return std::ranges::any_of(limit.lines, [&](const proftpd_line& line) {
        if (line.is("AllowAll")) return true;
        if (line.is("Allow")) return is_for_all(line) || (how == addresses::are_ignored && !is_for_none(line));
        if (line.is("AllowClass")) return how == addresses::are_ignored;
        if (line.is("AllowUser")) return matches_user(line, user).value_or(false);
        return line.is("AllowGroup") && matches_group(line.words, user).value_or(false);
    });
}

bool denies(const proftpd_section& limit, const proftpd_user& user, addresses how) {
    return std::ranges::any_of(limit.lines, [&](const proftpd_line& line) {
        if (line.is("DenyAll")) return true;
        // Of some addresses: refused to all of them.
        if (line.is("Deny")) return is_for_all(line) || (how == addresses::never_match && !is_for_none(line));
        if (line.is("DenyClass")) return how == addresses::never_match;
        if (line.is("DenyUser")) return matches_user(line, user).value_or(true);
        if (line.is("DenyGroup")) return matches_group(line.words, user).value_or(true);
        return line.is("DenyFilter");
    });
}

bool is_deny_first(const proftpd_section& limit) {
    const auto* const order = limit.first("Order");
    return order != nullptr && starts_with_icase(order->value(), "deny");
}

/// Nothing: the section says nothing about this user.
std::optional<bool> decision_of(const proftpd_section& limit, const proftpd_user& user, addresses how) {
    if (is_deny_first(limit)) return !denies(limit, user, how) && allows(limit, user, how);
    if (allows(limit, user, how)) return true;
    if (denies(limit, user, how)) return false;
    return std::nullopt;
}

std::optional<bool> decision_in(const proftpd_section& scope, std::string_view name, const proftpd_user& user,
                                addresses how) {
    std::optional<bool> out;
    for (const auto& section : scope.sections) {
        if (!section.opening.is("<Limit>")) continue;
        const auto& words = section.opening.words;
        if (std::ranges::none_of(words, [&](const auto& word) { return is_command(word, name); })) continue;
        if (const auto decided = decision_of(section, user, how)) out = decided;
    }
    // Without a section <Limit> around them.
    if (!out && name == "ALL" && scope.opening.line != 0) {
        if (scope.first("DenyAll") != nullptr) out = false;
        if (scope.first("AllowAll") != nullptr) out = true;
    }
    return out;
}

/// The first decision on one of these names, some of which may be empty.
bool permits_first_of(std::initializer_list<std::string_view> names, const proftpd_scopes& scopes, const proftpd_user& user,
                      addresses how) {
    for (const auto name : names) {
        if (name.empty()) continue;
        for (const auto* const scope : scopes)
            if (const auto decided = decision_in(*scope, name, user, how)) return *decided;
    }
    return true;
}

/// The networks of one "Allow from" or "Deny from"; nothing where one of them is a name.
std::optional<std::vector<std::string>> networks_in(const std::vector<std::string>& words) {
    std::vector<std::string> out;
    for (auto word : expression_of(words, false).parts) {
        if (iequals(word, "from")) continue;
        std::string text(word);
        // "192.0.2." is a network, too.
        if (text.ends_with('.')) {
            const auto dots = std::ranges::count(text, '.');
            for (auto i = dots; i < 4; ++i) text += i == 3 ? "0" : "0.";
            text += fmt::format("/{}", dots * 8);
        }
        const auto network = ip_network::parse(text);
        if (!network) return std::nullopt;
        out.push_back(std::move(text));
    }
    return out;
}

void add_networks(std::vector<std::string>& to, const std::vector<std::string>& words, proftpd_networks& of) {
    const auto found = networks_in(words);
    if (!found) of.is_incomplete = true;
    if (found) to.insert(to.end(), found->begin(), found->end());
}

/// AllowClass and DenyClass: the From lines of the <Class>.
void add_class(std::vector<std::string>& to, const proftpd_line& line, const proftpd_section& server, proftpd_networks& of) {
    const auto wanted = expression_of(line.words, false);
    if (wanted.is_regex || (wanted.all && wanted.parts.size() > 1)) of.is_incomplete = true;
    for (const auto name : wanted.parts) {
        const auto found = std::ranges::find_if(server.sections, [name](const proftpd_section& s) {
            return s.opening.is("<Class>") && s.opening.value() == name;
        });
        if (found == server.sections.end() || found->first("Satisfy") != nullptr) {
            of.is_incomplete = true;
            continue;
        }
        for (const auto& from : found->lines) add_networks(to, from.words, of);
    }
}

}  // namespace

bool permits(const proftpd_scopes& scopes, std::string_view command, const proftpd_user& user) {
    return permits_first_of({command, group_of(command), "ALL"}, scopes, user, addresses::never_match);
}

bool permits_login(const proftpd_scopes& scopes, const proftpd_user& user) {
    return permits_first_of({"LOGIN", "ALL"}, scopes, user, addresses::are_ignored);
}

bool is_on(const proftpd_scopes& scopes, std::string_view directive, bool otherwise) {
    for (const auto* const scope : scopes)
        if (const auto* const line = scope->first(directive)) {
            const auto value = to_lower(line->words.empty() ? std::string_view() : line->words.front());
            return value == "on" || value == "true" || value == "yes" || value == "1";
        }
    return otherwise;
}

bool matches_groups(const std::vector<std::string>& words, const proftpd_user& user) {
    return matches_group(words, user).value_or(false);
}

std::vector<std::string> rights_of(const proftpd_scopes& scopes, const proftpd_user& user) {
    struct row {
        const char* right;
        command_names commands;
        bool is_possible = true;
    };
    const auto rows = std::to_array<row>({
        {.right = "list", .commands = {"LIST", "NLST", "MLSD", "MLST", "STAT"}},
        {.right = "read", .commands = {"RETR"}},
        {.right = "write", .commands = {"STOR", "STOU"}},
        {.right = "append", .commands = {"APPE"}, .is_possible = is_on(scopes, "AllowStoreRestart", false)},
        {.right = "delete", .commands = {"DELE", "RMD"}},
        {.right = "rename", .commands = {"RNFR", "RNTO"}},
        {.right = "mkdir", .commands = {"MKD"}},
        {.right = "overwrite", .commands = {"STOR", "MFF", "MFMT"}, .is_possible = is_on(scopes, "AllowOverwrite", false)},
    });
    std::vector<std::string> out;
    for (const auto& each : rows)
        if (each.is_possible &&
            std::ranges::all_of(each.commands, [&](std::string_view command) { return permits(scopes, command, user); }))
            out.emplace_back(each.right);
    return out;
}

proftpd_networks networks_of(const proftpd_section& limit, const proftpd_section& server) {
    proftpd_networks out;
    bool denies_others = is_deny_first(limit);
    for (const auto& line : limit.lines) {
        if (line.is("Allow") && !is_for_all(line) && !is_for_none(line)) add_networks(out.allow, line.words, out);
        if (line.is("Deny") && !is_for_all(line) && !is_for_none(line)) add_networks(out.refuse, line.words, out);
        if (line.is("AllowClass")) add_class(out.allow, line, server, out);
        if (line.is("DenyClass")) add_class(out.refuse, line, server, out);
        if (line.is("AllowFilter") || line.is("DenyFilter") || line.is("Satisfy")) out.is_incomplete = true;
        denies_others = denies_others || line.is("DenyAll") || (line.is("Deny") && is_for_all(line));
    }
    // "Allow" first, and the others are not refused: nothing is.
    if (!denies_others) out.allow.clear();
    // As ProFTPD checks what is allowed first, its networks win; here, those that are refused do.
    if (!is_deny_first(limit) && !out.allow.empty() && !out.refuse.empty()) out.refuse.clear();
    return out;
}

}  // namespace sallyport::imports
