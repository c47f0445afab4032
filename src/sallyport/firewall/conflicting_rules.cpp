#include <sallyport/firewall/conflicting_rules.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/firewall/listing_words.hpp>
#include <sallyport/firewall/nft_rule.hpp>

namespace sallyport::firewall {
namespace {

// For a chain that no base chain reaches.
constexpr int unused = 1 << 30;

[[nodiscard]] std::optional<std::size_t> index_of(const std::vector<std::string>& words, std::string_view wanted) {
    const auto at = std::ranges::find(words, wanted);
    if (at == words.end()) return std::nullopt;
    return static_cast<std::size_t>(at - words.begin());
}

[[nodiscard]] int number_or_zero(std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// After "priority": "-300;", "raw;" or "mangle + 4;".
[[nodiscard]] int priority_in(const std::vector<std::string>& words, std::size_t at) {
    constexpr std::array<std::pair<std::string_view, int>, 6> names{
        {{"raw", -300}, {"mangle", -150}, {"dstnat", -100}, {"filter", 0}, {"security", 50}, {"srcnat", 100}}};
    const auto word = [&](std::size_t i) {
        std::string_view out = i < words.size() ? std::string_view(words[i]) : std::string_view();
        if (out.ends_with(';')) out.remove_suffix(1);
        return out;
    };
    const auto name = std::ranges::find(names, word(at), &std::pair<std::string_view, int>::first);
    if (name == names.end()) return number_or_zero(word(at));
    const int offset = words[at].ends_with(';') ? 0 : number_or_zero(word(at + 2));
    return name->second + (word(at + 1) == "-" ? -offset : offset);
}

/// One table of a listing.
struct listed_table {
    // "inet filter"
    std::string name;
    std::set<std::string> ftp_objects{};
    struct chain_rules {
        int priority = unused;
        std::set<std::string> goes_to{};
        struct listed_rule {
            std::string text;
            std::string handle;
            // Each rule of a chain without a name that this rule jumps to, after the conditions of this one.
            std::vector<std::string> inner{};
        };
        std::vector<listed_rule> rules{};
    };
    std::map<std::string, chain_rules> chains{};

    /// Gives each chain the lowest priority of the base chains that reach it.
    void propagate() {
        for (bool changed = true; std::exchange(changed, false);) {
            for (const auto& [from, rules] : chains) {
                for (const auto& to : rules.goes_to) {
                    const auto target = chains.find(to);
                    if (target == chains.end() || target->second.priority <= rules.priority) continue;
                    target->second.priority = rules.priority;
                    changed = true;
                }
            }
        }
    }
    /// Adds the rules for which `is_wanted(priority, rule)` holds.
    template <class Function>
    void add_findings(std::vector<conflicting_rule>& to, Function is_wanted) {
        // Family and name; otherwise the text is not from nft.
        const auto table = words_of(name);
        if (table.size() != 2) return;
        propagate();
        for (const auto& [chain, content] : chains) {
            for (const auto& r : content.rules) {
                const auto wanted = [&](const std::string& text) { return is_wanted(content.priority, text); };
                if (!wanted(r.text) && std::ranges::none_of(r.inner, wanted)) continue;
                conflicting_rule out{fmt::format("table {}, chain {}", name, chain), r.text, {"nft", "delete", "rule"}};
                out.removal.insert(out.removal.end(), table.begin(), table.end());
                out.removal.insert(out.removal.end(), {chain, "handle", r.handle});
                to.push_back(std::move(out));
            }
        }
    }
};

/// The object of a rule that assigns a helper; empty if it assigns none.
[[nodiscard]] std::string assigned_object(std::string_view rule) {
    constexpr std::string_view statement = "ct helper set ";
    const auto at = rule.find(statement);
    if (at == std::string_view::npos) return {};
    auto object = words_of(rule.substr(at + statement.size()));
    return object.empty() ? std::string() : std::move(object.front());
}

void note_jumps(listed_table::chain_rules& into, const std::vector<std::string>& words) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] != "jump" && words[i] != "goto") continue;
        auto target = words[i + 1];
        if (target.ends_with(',')) target.pop_back();
        into.goes_to.insert(std::move(target));
    }
}

/// Adds what a line within a chain says.
void read_rule(listed_table::chain_rules& into, std::string_view line, const std::vector<std::string>& words) {
    if (const auto at = index_of(words, "priority"); at && words[0] == "type") into.priority = priority_in(words, *at + 1);
    note_jumps(into, words);
    const auto comment = line.rfind(" # handle ");
    if (comment == std::string_view::npos) return;
    into.rules.push_back(
        {std::string(line.substr(0, comment)), std::string(line.substr(comment + std::string_view(" # handle ").size()))});
}

/// A rule that contains the chain it jumps to, on several lines: "jump {", the rules, "} # handle 9".
class rule_with_chain {
public:
    [[nodiscard]] bool is_open() const noexcept { return depth_ > 0; }
    /// True if the line is the first of such a rule.
    [[nodiscard]] bool begins_with(std::string_view line) {
        if (!opens(line)) return false;
        depth_ = 1;
        rule_ = {.text = std::string(line), .handle = {}};
        first_line_ = line;
        return true;
    }
    /// Adds a further line. After the last one, the rule is added to those of the chain.
    void read(listed_table::chain_rules& into, std::string_view line, const std::vector<std::string>& words) {
        if (line.starts_with('}')) {
            --depth_;
        } else {
            note_jumps(into, words);
            rule_.inner.push_back(fmt::format("{} {}", first_line_, line));
            if (opens(line)) ++depth_;
        }
        rule_.text.append(rule_.text.ends_with('{') || line.starts_with('}') ? " " : "; ").append(line);
        if (depth_ > 0) return;
        constexpr std::string_view mark = " # handle ";
        const auto comment = rule_.text.rfind(mark);
        if (comment == std::string::npos) return;
        rule_.handle = rule_.text.substr(comment + mark.size());
        rule_.text.resize(comment);
        into.rules.push_back(std::move(rule_));
    }

private:
    [[nodiscard]] static bool opens(std::string_view line) { return line.ends_with("jump {") || line.ends_with("goto {"); }

    listed_table::chain_rules::listed_rule rule_;
    std::string first_line_;
    std::size_t depth_ = 0;
};

/// Calls `on_table` with each table of the output of `nft -a list ruleset`, unless iptables keeps it.
template <class Function>
void for_each_table(std::string_view listing, Function on_table) {
    std::optional<listed_table> table;
    bool is_of_iptables = false;
    // Of the open block within the table.
    std::string helper;
    std::string chain;
    rule_with_chain open_rule;
    for_each_line(listing, [&](std::string_view line) {
        const auto words = words_of(line);
        if (words.empty()) return;
        if (line.starts_with("# Warning: table ")) {
            is_of_iptables = true;
        } else if (words[0] == "table" && words.size() >= 3) {
            if (!std::exchange(is_of_iptables, false)) table.emplace(listed_table{words[1] + ' ' + words[2]});
        } else if (!table) {
            return;
        } else if (open_rule.is_open()) {
            open_rule.read(table->chains[chain], line, words);
        } else if (line == "}") {
            if (helper.empty() && chain.empty()) {
                on_table(*table);
                table.reset();
            }
            helper.clear();
            chain.clear();
        } else if (words[0] == "chain" && words.size() >= 3) {
            chain = words[1];
        } else if (line.starts_with("ct helper ") && words.size() >= 4 && chain.empty()) {
            helper = words[2];
        } else if (!helper.empty()) {
            if (line.starts_with("type \"ftp\"")) table->ftp_objects.insert(helper);
        } else if (!chain.empty()) {
            if (!open_rule.begins_with(line)) read_rule(table->chains[chain], line, words);
        } else if (words.back() == "{" || line.contains("{ # handle")) {
            // A set or another object; its name is no chain's.
            chain = "{";
        }
    });
}

/// Whether a list of ports may name one of these: "21", "20-21", "20:21" or "21 : 192.0.2.5", after commas. What begins with
/// no digit, such as the name of a set, may contain any port: the rule is shown to a person, who can see more.
[[nodiscard]] bool names_port(std::string_view list, std::span<const std::uint16_t> ports) {
    for (const auto part : std::views::split(list, ',')) {
        const auto text = without_blanks(std::string_view(part));
        const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
        if (end == 0 && !text.empty()) return true;
        const int first = number_or_zero(text.substr(0, end));
        const bool is_range = end + 1 < text.size() && (text[end] == '-' || text[end] == ':');
        const int last = is_range ? number_or_zero(text.substr(end + 1)) : first;
        if (std::ranges::any_of(ports, [&](int port) { return first <= port && port <= last; })) return true;
    }
    return false;
}

/// Whether one of these ports may be missing in a list, so that a condition on all other ports holds for it.
[[nodiscard]] bool may_lack_port(std::string_view list, std::span<const std::uint16_t> ports) {
    if (list.empty() || list.find_first_not_of("0123456789-:, ") != std::string_view::npos) return true;
    return std::ranges::any_of(ports, [list](const std::uint16_t& port) { return !names_port(list, std::span(&port, 1)); });
}

/// Whether a rule of nft changes the destination of connections to one of these ports. A rule without ports concerns all.
[[nodiscard]] bool takes_port(std::string_view rule, std::span<const std::uint16_t> ports) {
    if (!rule.contains("dnat ") && !rule.contains("redirect to") && !rule.ends_with("redirect")) return false;
    if (rule.starts_with("udp ") || rule.contains(" udp ")) return false;
    constexpr std::string_view match = "tcp dport ";
    const auto at = rule.find(match);
    // All connections to one address are forwarded: probably to a host that has that address outside.
    if (at == std::string_view::npos) return !rule.contains("daddr ");
    rule.remove_prefix(at + match.size());
    const bool negated = rule.starts_with("!= ");
    if (negated) rule.remove_prefix(std::string_view("!= ").size());
    const auto open = rule.find('{');
    const auto words = words_of(rule.substr(0, open));
    const bool is_list = open != std::string_view::npos && (words.empty() || words[0] == "map" || words[0] == "vmap");
    if (!is_list && words.empty()) return false;
    const std::string list(is_list ? rule.substr(open + 1, rule.find('}') - open - 1) : words[0]);
    return negated ? may_lack_port(list, ports) : names_port(list, ports);
}

/// The word after an option of iptables; empty if there is none.
[[nodiscard]] std::string value_of(const std::vector<std::string>& words, std::string_view option) {
    const auto at = index_of(words, option);
    return at && *at + 1 < words.size() ? words[*at + 1] : std::string();
}

/// The rule has a condition or a target with the helper "ftp".
[[nodiscard]] bool has_ftp_helper(const std::vector<std::string>& words) { return value_of(words, "--helper") == "ftp"; }

/// The rules in the output of iptables-save for which `is_wanted(words, line)` holds.
template <class Function>
[[nodiscard]] std::vector<conflicting_rule> saved_rules(std::string_view saved, const std::string& command,
                                                        Function is_wanted) {
    std::vector<conflicting_rule> out;
    std::string table;
    for_each_line(saved, [&](std::string_view line) {
        if (line.starts_with('*')) table = line.substr(1);
        const auto words = words_of(line);
        if (words.size() < 2 || words[0] != "-A" || !is_wanted(words, line)) return;
        conflicting_rule found{fmt::format("{}, table {}, chain {}", command, table, words[1]),
                               std::string(line),
                               {command, "-t", table, "-D"}};
        found.removal.insert(found.removal.end(), words.begin() + 1, words.end());
        out.push_back(std::move(found));
    });
    return out;
}

}  // namespace

std::vector<conflicting_rule> ftp_helpers_of_nft(std::string_view listing, bool only_earlier) {
    std::vector<conflicting_rule> out;
    for_each_table(listing, [&out, only_earlier](listed_table& table) {
        table.add_findings(out, [&table, only_earlier](int priority, std::string_view rule) {
            const bool applies = only_earlier ? priority <= before_helpers : priority != unused;
            return applies && table.ftp_objects.contains(assigned_object(rule));
        });
    });
    return out;
}

std::vector<conflicting_rule> translations_of_nft(std::string_view listing, std::span<const std::uint16_t> ports) {
    std::vector<conflicting_rule> out;
    for_each_table(listing, [&](listed_table& table) {
        if (table.name.contains(' ' + std::string(table_prefix))) return;
        table.add_findings(
            out, [&](int priority, std::string_view rule) { return priority != unused && takes_port(rule, ports); });
    });
    return out;
}

std::vector<conflicting_rule> ftp_conditions_of_nft(std::string_view listing) {
    std::vector<conflicting_rule> out;
    for_each_table(listing, [&out](listed_table& table) {
        table.add_findings(out, [](int priority, std::string_view rule) {
            return priority != unused && rule.contains("ct helper \"ftp\"") && rule.contains("related");
        });
    });
    for (auto& rule : out) rule.removal.clear();
    return out;
}

std::vector<conflicting_rule> ftp_conditions_of_iptables(std::string_view saved, const std::string& command) {
    auto out = saved_rules(saved, command, [](const std::vector<std::string>& words, std::string_view line) {
        return has_ftp_helper(words) && line.contains("RELATED");
    });
    for (auto& rule : out) rule.removal.clear();
    return out;
}

std::vector<conflicting_rule> ftp_helpers_of_iptables(std::string_view saved, const std::string& command) {
    return saved_rules(saved, command, [](const std::vector<std::string>& words, std::string_view /*line*/) {
        return has_ftp_helper(words) && index_of(words, "CT");
    });
}

std::vector<conflicting_rule> translations_of_iptables(std::string_view saved, const std::string& command,
                                                       std::span<const std::uint16_t> ports) {
    return saved_rules(saved, command, [ports](const std::vector<std::string>& words, std::string_view /*line*/) {
        // "! -p tcp": the condition is that the value is another one.
        const auto is_negated = [&words](std::string_view option) {
            const auto at = index_of(words, option);
            return at && *at > 0 && words[*at - 1] == "!";
        };
        const auto target = value_of(words, "-j");
        if (target != "DNAT" && target != "REDIRECT") return false;
        const auto protocol = value_of(words, "-p");
        if (!protocol.empty() && (protocol == "tcp") == is_negated("-p")) return false;
        const bool others = is_negated("--dport") || is_negated("--dports");
        const auto named = value_of(words, "--dport") + value_of(words, "--dports");
        // All connections to one address are forwarded, as above; to all but one, and this host's may be among them.
        if (named.empty()) return value_of(words, "-d").empty() || is_negated("-d");
        return others ? may_lack_port(named, ports) : names_port(named, ports);
    });
}

}  // namespace sallyport::firewall
