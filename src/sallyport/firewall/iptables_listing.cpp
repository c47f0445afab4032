#include <algorithm>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sallyport/firewall/filter_listing.hpp>
#include <sallyport/firewall/listing_words.hpp>
#include <sallyport/firewall/port_sets.hpp>

namespace sallyport::firewall {
namespace {

using arguments = std::span<const std::string>;

/// "21,990,30000:30099"
[[nodiscard]] std::optional<std::vector<port_range>> saved_ports(std::string text) {
    std::ranges::replace(text, ':', '-');
    std::vector<port_range> out;
    for (const auto part : std::views::split(text, ',')) {
        const auto range = port_range::parse(std::string_view(part));
        if (!range) return std::nullopt;
        out.push_back(*range);
    }
    if (out.empty()) return std::nullopt;
    return out;
}

/// A list such as RELATED,ESTABLISHED contains the word.
[[nodiscard]] bool lists(std::string_view list, std::string_view word) {
    return std::ranges::any_of(std::views::split(list, ','), [word](auto part) { return std::string_view(part) == word; });
}

/// One option with its value. False if it is not known.
[[nodiscard]] bool read_match(listed_rule& into, bool negated, const std::string& option, const std::string& value) {
    const auto require = [&](bool matches) { into.never = into.never || matches == negated; };
    if (option == "-p") {
        require(value == "tcp" || value == "6" || value == "all");
    } else if (option == "--dport" || option == "--dports" || option == "--destination-ports") {
        auto ports = saved_ports(value);
        if (!ports) return false;
        into.rule.ports = negated ? all_but(*ports) : std::move(*ports);
    } else if (option == "--ctstate" || option == "--state") {
        require(lists(value, "NEW"));
        into.related = into.related || (!negated && lists(value, "RELATED"));
    } else if (option == "--dst-type") {
        require(value == "LOCAL");
    } else if (option == "-i") {
        if (value != "lo") return false;
        require(false);
    } else {
        return false;
    }
    return true;
}

[[nodiscard]] std::optional<filter_action> builtin_target(std::string_view name) {
    if (name == "ACCEPT") return filter_action::accept;
    if (name == "DROP") return filter_action::drop;
    if (name == "REJECT") return filter_action::reject;
    if (name == "RETURN") return filter_action::leave;
    for (const auto* asks : {"NFQUEUE", "QUEUE", "SYNPROXY"})
        if (name == asks) return filter_action::elsewhere;
    for (const auto* other : {"LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TCPMSS", "AUDIT", "TRACE", "NOTRACK", "SET"})
        if (name == other) return filter_action::none;
    return std::nullopt;
}

[[nodiscard]] listed_rule read_options(arguments words, const std::string& table) {
    listed_rule out;
    bool negated = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& word = words[i];
        const auto value = i + 1 < words.size() ? words[i + 1] : std::string();
        if (word == "!") {
            negated = true;
            continue;
        }
        if (word == "--syn") {
            out.never = out.never || negated;
        } else if (word == "--tcp-flags") {
            // Which flags a SYN has is known: of the mask, it has SYN alone.
            const auto set = i + 2 < words.size() ? words[i + 2] : std::string();
            const bool has = lists(value, "SYN") ? set == "SYN" : set == "NONE";
            out.never = out.never || has == negated;
            i += 2;
        } else if (word == "-j" || word == "-g") {
            const auto builtin = builtin_target(value);
            out.rule.action = builtin.value_or(word == "-g" ? filter_action::go_to : filter_action::jump);
            if (!builtin) out.rule.target = table + ' ' + value;
            // The options of the target follow.
            break;
        } else if (word == "-m" || word == "--comment") {
            ++i;
        } else if (read_match(out, negated, word, value)) {
            ++i;
        } else if (word.starts_with('-')) {
            out.rule.partial = true;
        }
        negated = false;
    }
    return out;
}

}  // namespace

packet_filter read_iptables_listing(std::string_view saved, bool v4, std::string_view variant) {
    packet_filter out;
    const auto family = fmt::format("{}{}", v4 ? "iptables" : "ip6tables", variant);
    std::string table;
    for_each_line(saved, [&](std::string_view line) {
        const auto words = words_of(line);
        if (words.empty()) return;
        if (line.starts_with('*')) {
            table = fmt::format("{} {}", family, line.substr(1));
        } else if (line.starts_with(':') && words.size() >= 2) {
            const auto name = words[0].substr(1);
            const bool base = name == "INPUT" || name == "PREROUTING";
            out.chains[table + ' ' + name] = {.place = fmt::format("{}, chain {}", table, name),
                                              .v4 = v4,
                                              .v6 = !v4,
                                              .is_base = base && !table.ends_with(" nat"),
                                              // raw, mangle, filter.
                                              .priority = table.ends_with(" filter") ? 0 : -150,
                                              .drops_by_policy = words[1] == "DROP"};
        } else if (words[0] == "-A" && words.size() >= 3) {
            auto read = read_options(arguments(words).subspan(2), table);
            read.rule.text = line;
            out.add(table + ' ' + words[1], std::move(read));
        }
    });
    return out;
}

}  // namespace sallyport::firewall
