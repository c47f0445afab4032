#include <sallyport/firewall/helper_rules.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace sallyport::firewall {
namespace {

// Of the gateway's rules (interception_rules, nft_rules).
constexpr int priority_of_gateway = -146;
// For a chain that no base chain reaches.
constexpr int unused = 1 << 30;

[[nodiscard]] std::string_view without_blanks(std::string_view line) {
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

template <class Function>
void for_each_line(std::string_view text, Function on_line) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        on_line(without_blanks(text.substr(0, end)));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

/// The words of a line; a part in double quotes is one word, in which a backslash precedes a quote or a backslash.
[[nodiscard]] std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> out;
    std::optional<std::string> word;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '"') {
            quoted = !quoted;
            if (!word) word.emplace();
        } else if (!quoted && (c == ' ' || c == '\t')) {
            if (word) out.push_back(*std::exchange(word, std::nullopt));
        } else {
            if (!word) word.emplace();
            *word += quoted && c == '\\' && i + 1 < line.size() ? line[++i] : c;
        }
    }
    if (word) out.push_back(std::move(*word));
    return out;
}

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
            std::string object;
        };
        std::vector<listed_rule> assignments{};
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
    void add_findings(std::vector<helper_rule>& to) {
        // Family and name; otherwise the text is not from nft.
        const auto table = words_of(name);
        if (table.size() != 2) return;
        propagate();
        for (const auto& [chain, rules] : chains) {
            if (rules.priority > priority_of_gateway) continue;
            for (const auto& r : rules.assignments) {
                if (!ftp_objects.contains(r.object)) continue;
                helper_rule out{fmt::format("table {}, chain {}", name, chain), r.text, {"nft", "delete", "rule"}};
                out.removal.insert(out.removal.end(), table.begin(), table.end());
                out.removal.insert(out.removal.end(), {chain, "handle", r.handle});
                to.push_back(std::move(out));
            }
        }
    }
};

/// Adds what a line within a chain says.
void read_rule(listed_table::chain_rules& into, std::string_view line, const std::vector<std::string>& words) {
    if (const auto at = index_of(words, "priority"); at && words[0] == "type") into.priority = priority_in(words, *at + 1);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] != "jump" && words[i] != "goto") continue;
        auto target = words[i + 1];
        if (target.ends_with(',')) target.pop_back();
        into.goes_to.insert(std::move(target));
    }
    const auto helper = line.find("ct helper set ");
    const auto comment = line.rfind(" # handle ");
    if (helper == std::string_view::npos || comment == std::string_view::npos || helper > comment) return;
    auto object = words_of(line.substr(helper + std::string_view("ct helper set ").size()));
    if (object.empty()) return;
    into.assignments.push_back({std::string(line.substr(0, comment)),
                                std::string(line.substr(comment + std::string_view(" # handle ").size())),
                                std::move(object.front())});
}

}  // namespace

std::vector<helper_rule> ftp_helpers_of_nft(std::string_view listing) {
    std::vector<helper_rule> out;
    std::optional<listed_table> table;
    // Of the open block within the table.
    std::string helper;
    std::string chain;
    for_each_line(listing, [&](std::string_view line) {
        const auto words = words_of(line);
        if (words.empty()) return;
        if (words[0] == "table" && words.size() >= 3) {
            table.emplace(listed_table{words[1] + ' ' + words[2]});
        } else if (!table) {
            return;
        } else if (line == "}") {
            if (helper.empty() && chain.empty()) {
                table->add_findings(out);
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
            read_rule(table->chains[chain], line, words);
        } else if (words.back() == "{" || line.contains("{ # handle")) {
            // A set or another object; its name is no chain's.
            chain = "{";
        }
    });
    return out;
}

std::vector<helper_rule> ftp_helpers_of_iptables(std::string_view saved, const std::string& command) {
    std::vector<helper_rule> out;
    std::string table;
    for_each_line(saved, [&](std::string_view line) {
        if (line.starts_with('*')) table = line.substr(1);
        auto words = words_of(line);
        const auto helper = index_of(words, "--helper");
        if (words.size() < 2 || words[0] != "-A" || !helper || *helper + 1 >= words.size() || words[*helper + 1] != "ftp" ||
            index_of(words, "CT") == std::nullopt)
            return;
        words[0] = "-D";
        helper_rule made{
            fmt::format("{}, table {}, chain {}", command, table, words[1]), std::string(line), {command, "-t", table}};
        made.removal.insert(made.removal.end(), words.begin(), words.end());
        out.push_back(std::move(made));
    });
    return out;
}

}  // namespace sallyport::firewall
