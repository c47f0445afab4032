#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <sallyport/firewall/filter_listing.hpp>
#include <sallyport/firewall/listing_words.hpp>
#include <sallyport/firewall/port_sets.hpp>

namespace sallyport::firewall {
namespace {

namespace json = boost::json;

/// A member of an object; null if there is none, or if the value is no object.
[[nodiscard]] const json::value& member(const json::value& of, std::string_view key) {
    static const json::value none;
    const auto* const object = of.if_object();
    const auto* const found = object == nullptr ? nullptr : object->if_contains(key);
    return found == nullptr ? none : *found;
}

[[nodiscard]] std::string text_of_value(const json::value& v) {
    return v.is_string() ? std::string(v.get_string()) : std::string();
}

[[nodiscard]] std::optional<std::uint16_t> port_of_value(const json::value& v) {
    const auto* const number = v.if_int64();
    if (number == nullptr || *number < 0 || *number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

/// How a condition relates to a new TCP connection from another host.
enum class relation : std::uint8_t { always, sometimes, never };

[[nodiscard]] relation inverted(relation r) {
    if (r == relation::sometimes) return r;
    return r == relation::always ? relation::never : relation::always;
}

/// The words of a value: "new", ["established","related"], {"set": [...]}.
[[nodiscard]] std::vector<std::string> words_in(const json::value& v) {
    std::vector<std::string> out;
    if (v.is_string()) out.push_back(text_of_value(v));
    const auto* list = v.if_array();
    if (list == nullptr) list = member(v, "set").if_array();
    if (list != nullptr)
        for (const auto& each : *list)
            out.push_back(each.is_int64() ? std::to_string(each.get_int64()) : text_of_value(each));
    if (v.is_int64()) out.push_back(std::to_string(v.get_int64()));
    return out;
}

[[nodiscard]] bool has_word(const json::value& v, std::string_view word) {
    const auto words = words_in(v);
    return std::ranges::find(words, word) != words.end();
}

[[nodiscard]] relation always_if(bool matches) { return matches ? relation::always : relation::never; }

/// The texts of rules by table and handle: "inet filter 5".
using rule_texts = std::map<std::string, std::string>;

/// From the output of `nft -a list ruleset`, in which each rule ends with " # handle 5".
[[nodiscard]] rule_texts texts_of_rules(std::string_view listing) {
    constexpr std::string_view mark = " # handle ";
    rule_texts out;
    std::string table;
    while (!listing.empty()) {
        const auto line = listing.substr(0, listing.find('\n'));
        listing.remove_prefix(std::min(line.size() + 1, listing.size()));
        const auto words = words_of(line);
        const auto handle = line.rfind(mark);
        if (words.size() >= 3 && words[0] == "table") {
            table = words[1] + ' ' + words[2];
        } else if (handle != line.npos && !line.substr(0, handle).ends_with('{')) {
            const auto begin = line.find_first_not_of(" \t");
            out.emplace(table + ' ' + std::string(line.substr(handle + mark.size())), line.substr(begin, handle - begin));
        }
    }
    return out;
}

/// Reads the objects of a listing.
class reader_of_rules {
public:
    reader_of_rules(const json::array& items, rule_texts texts) : texts_(std::move(texts)) {
        for (const auto& item : items) {
            add_set(member(item, "set"));
            add_set(member(item, "map"));
            add_chain(member(item, "chain"));
            note_iptables(member(item, "rule"));
        }
        for (const auto& item : items)
            if (const auto& rule = member(item, "rule"); rule.is_object()) add_rule(rule);
    }

    [[nodiscard]] packet_filter take() {
        for (const auto& table : of_iptables_)
            std::erase_if(out_.chains, [&table](const auto& each) { return each.first.starts_with(table + ' '); });
        return std::move(out_);
    }

private:
    [[nodiscard]] static std::string table_of(const json::value& v) {
        return text_of_value(member(v, "family")) + ' ' + text_of_value(member(v, "table"));
    }

    /// The key of the chain that the rule is in.
    [[nodiscard]] static std::string chain_of(const json::value& rule) {
        return table_of(rule) + ' ' + text_of_value(member(rule, "chain"));
    }

    void add_set(const json::value& set) {
        if (set.is_object()) sets_[table_of(set) + " @" + text_of_value(member(set, "name"))] = member(set, "elem");
    }

    void add_chain(const json::value& chain) {
        if (!chain.is_object()) return;
        const auto family = text_of_value(member(chain, "family"));
        const auto hook = text_of_value(member(chain, "hook"));
        const auto name = text_of_value(member(chain, "name"));
        filter_chain made{.place = fmt::format("table {}, chain {}", table_of(chain), name),
                          .v4 = family == "ip" || family == "inet",
                          .v6 = family == "ip6" || family == "inet"};
        made.is_base = (hook == "input" || hook == "prerouting") && text_of_value(member(chain, "type")) == "filter";
        made.drops_by_policy = text_of_value(member(chain, "policy")) == "drop";
        const auto* const priority = member(chain, "prio").if_int64();
        // All of prerouting comes before all of input.
        constexpr int before_input = 10000;
        made.priority = (priority == nullptr ? 0 : static_cast<int>(*priority)) - (hook == "prerouting" ? before_input : 0);
        out_.chains[table_of(chain) + ' ' + name] = std::move(made);
    }

    /// nft cannot print matches of iptables-nft.
    void note_iptables(const json::value& rule) {
        const auto* const list = member(rule, "expr").if_array();
        if (list == nullptr) return;
        for (const auto& each : *list)
            if (each.is_object() && each.get_object().contains("xt")) of_iptables_.insert(table_of(rule));
    }

    void add_rule(const json::value& rule) {
        const auto* const list = member(rule, "expr").if_array();
        if (list == nullptr) return;
        listed_rule made{.rule = {.text = text_of_rule(rule)}};
        for (const auto& expression : *list) {
            if (!expression.is_object() || expression.get_object().empty()) continue;
            const auto& [key, value] = *expression.get_object().begin();
            if (key == "vmap") return add_map(rule, value, made);
            if (!add_expression(rule, key, value, made)) return;
        }
        out_.add(chain_of(rule), std::move(made));
    }

    [[nodiscard]] std::string text_of_rule(const json::value& rule) const {
        const auto* const number = member(rule, "handle").if_int64();
        const auto handle = std::to_string(number == nullptr ? 0 : *number);
        const auto known = texts_.find(table_of(rule) + ' ' + handle);
        return known == texts_.end() ? "the rule with handle " + handle : known->second;
    }

    /// False if the rule does not matter.
    [[nodiscard]] bool add_expression(const json::value& rule, std::string_view key, const json::value& value,
                                      listed_rule& made) {
        if (key == "match") {
            const auto found = relation_of(rule, member(value, "left"), member(value, "right"),
                                           text_of_value(member(value, "op")) == "!=", made);
            made.rule.partial = made.rule.partial || found == relation::sometimes;
            made.never = made.never || found == relation::never;
        } else if (key == "limit") {
            return !is_over(value);
        } else if (key == "set" || key == "meter") {
            return add_inner(member(value, "stmt"), made.rule);
        } else if (!set_action(rule, key, value, made.rule) && !changes_nothing(key)) {
            made.rule.partial = true;
        }
        return true;
    }

    /// With "over", it drops what is more than the limit.
    [[nodiscard]] static bool is_over(const json::value& limit) {
        const auto* const over = member(limit, "inv").if_bool();
        return over != nullptr && *over;
    }

    /// What a set or meter does for each of its elements, such as each client: a statement, or several of them. False as
    /// above.
    [[nodiscard]] static bool add_inner(const json::value& statements, filter_rule& made) {
        const auto add_one = [&made](const json::value& each) {
            if (!each.is_object() || each.get_object().empty()) return true;
            const auto& [key, value] = *each.get_object().begin();
            made.partial = made.partial || key != "counter";
            return !is_over(value);
        };
        const auto* const several = statements.if_array();
        return several == nullptr ? add_one(statements) : std::ranges::all_of(*several, add_one);
    }

    [[nodiscard]] static bool changes_nothing(std::string_view key) {
        constexpr std::array<std::string_view, 6> known{"counter", "log", "comment", "mangle", "ct helper", "notrack"};
        return std::ranges::find(known, key) != known.end();
    }

    [[nodiscard]] static bool set_action(const json::value& rule, std::string_view key, const json::value& value,
                                         filter_rule& made) {
        constexpr std::array<std::pair<std::string_view, filter_action>, 8> actions{{{"accept", filter_action::accept},
                                                                                     {"drop", filter_action::drop},
                                                                                     {"reject", filter_action::reject},
                                                                                     {"queue", filter_action::elsewhere},
                                                                                     {"synproxy", filter_action::elsewhere},
                                                                                     {"return", filter_action::leave},
                                                                                     {"jump", filter_action::jump},
                                                                                     {"goto", filter_action::go_to}}};
        const auto* const found = std::ranges::find(actions, key, &std::pair<std::string_view, filter_action>::first);
        if (found == actions.end()) return false;
        made.action = found->second;
        if (made.action == filter_action::jump || made.action == filter_action::go_to)
            made.target = table_of(rule) + ' ' + text_of_value(member(value, "target"));
        return true;
    }

    /// A verdict map is a rule for each of its keys.
    void add_map(const json::value& rule, const json::value& map, const listed_rule& before) {
        const auto* data = &member(map, "data");
        if (const auto named = sets_.find(table_of(rule) + ' ' + text_of_value(*data)); named != sets_.end())
            data = &named->second;
        const auto* const pairs = data->is_array() ? data->if_array() : member(*data, "set").if_array();
        if (pairs == nullptr) return;
        for (const auto& pair : *pairs) {
            const auto* const both = pair.if_array();
            if (both == nullptr || both->size() != 2 || !both->at(1).is_object() || both->at(1).get_object().empty())
                continue;
            auto made = before;
            const auto found = relation_of(rule, member(map, "key"), both->at(0), false, made);
            const auto& [key, value] = *both->at(1).get_object().begin();
            if (!set_action(rule, key, value, made.rule)) continue;
            made.rule.partial = made.rule.partial || found == relation::sometimes;
            made.never = made.never || found == relation::never;
            out_.add(chain_of(rule), std::move(made));
        }
    }

    [[nodiscard]] relation relation_of(const json::value& rule, const json::value& left, const json::value& right,
                                       bool negated, listed_rule& made) {
        const auto& payload = member(left, "payload");
        const auto protocol = text_of_value(member(payload, "protocol"));
        const auto field = text_of_value(member(payload, "field"));
        if (field == "dport" && (protocol == "tcp" || protocol == "th"))
            return restrict_ports(rule, right, negated, made.rule);
        // Without such a header a rule does not match, whatever it compares.
        if (is_other_transport(protocol)) return relation::never;
        relation out = relation::sometimes;
        if (payload.is_object())
            out = of_payload(protocol, field, right, made.rule);
        else if (const auto& meta = member(left, "meta"); meta.is_object())
            out = of_meta(text_of_value(member(meta, "key")), right, negated, made.rule);
        else if (const auto& ct = member(left, "ct"); ct.is_object())
            out = of_connection(text_of_value(member(ct, "key")), right, negated, made);
        else if (const auto& fib = member(left, "fib"); fib.is_object())
            out = text_of_value(member(fib, "result")) == "type" && has_word(member(fib, "flags"), "daddr")
                      ? always_if(has_word(right, "local"))
                      : relation::sometimes;
        else if (const auto* const masked = member(left, "&").if_array(); masked != nullptr && masked->size() == 2)
            out = of_flags(masked->at(0), masked->at(1), right);
        return negated ? inverted(out) : out;
    }

    [[nodiscard]] relation restrict_ports(const json::value& rule, const json::value& right, bool negated,
                                          filter_rule& made) {
        std::vector<port_range> ports;
        if (!add_ports(rule, right, ports, 0)) return relation::sometimes;
        if (negated) ports = all_but(ports);
        if (made.ports) ports = common(*made.ports, ports);
        made.ports = merged(std::move(ports));
        return relation::always;
    }

    // NOLINTNEXTLINE(misc-no-recursion): bounded by `depth`.
    [[nodiscard]] bool add_ports(const json::value& rule, const json::value& v, std::vector<port_range>& out, int depth) {
        constexpr int max_depth_of_sets = 4;
        if (depth > max_depth_of_sets) return false;
        if (const auto port = port_of_value(v)) {
            out.push_back({*port, *port});
            return true;
        }
        if (v.is_string() && v.get_string().starts_with('@')) {
            const auto set = sets_.find(table_of(rule) + ' ' + text_of_value(v));
            return set != sets_.end() && (set->second.is_null() || add_ports(rule, set->second, out, depth + 1));
        }
        if (const auto* const range = member(v, "range").if_array(); range != nullptr && range->size() == 2) {
            const auto first = port_of_value(range->at(0));
            const auto last = port_of_value(range->at(1));
            if (!first || !last || *first > *last) return false;
            out.push_back({*first, *last});
            return true;
        }
        if (const auto& element = member(v, "elem"); element.is_object())
            return add_ports(rule, member(element, "val"), out, depth + 1);
        const auto* list = v.if_array();
        if (list == nullptr) list = member(v, "set").if_array();
        if (list == nullptr) return false;
        return std::ranges::all_of(*list, [&](const json::value& each) { return add_ports(rule, each, out, depth + 1); });
    }

    /// The headers that a TCP packet does not have. Those that are not known here, and that of Ethernet, it may have.
    [[nodiscard]] static bool is_other_transport(std::string_view protocol) {
        constexpr std::array<std::string_view, 11> known{"udp",  "udplite", "sctp", "dccp", "icmp", "icmpv6",
                                                         "igmp", "esp",     "ah",   "comp", "arp"};
        return std::ranges::find(known, protocol) != known.end();
    }

    /// `made` gets the family of a field.
    [[nodiscard]] static relation of_payload(std::string_view protocol, std::string_view field, const json::value& right,
                                             filter_rule& made) {
        if (protocol == "ip" || protocol == "ip6") {
            (protocol == "ip" ? made.v6 : made.v4) = false;
            if (field == "protocol" || field == "nexthdr") return always_if(has_word(right, "tcp") || has_word(right, "6"));
            return relation::sometimes;
        }
        if (protocol == "tcp" && field == "flags") return has_word(right, "syn") ? relation::always : relation::never;
        return relation::sometimes;
    }

    [[nodiscard]] static relation of_meta(std::string_view key, const json::value& right, bool negated, filter_rule& made) {
        if (key == "l4proto") return always_if(has_word(right, "tcp") || has_word(right, "6"));
        if (key == "nfproto" || key == "protocol") {
            bool v4 = has_word(right, "ipv4") || has_word(right, "ip");
            bool v6 = has_word(right, "ipv6") || has_word(right, "ip6");
            if (negated) v4 = !v4, v6 = !v6;
            made.v4 = made.v4 && v4;
            made.v6 = made.v6 && v6;
            return negated ? relation::never : relation::always;
        }
        const auto names = words_in(right);
        const bool loopback_alone = !names.empty() && std::ranges::all_of(names, [](const auto& n) { return n == "lo"; });
        if ((key == "iifname" || key == "iif") && loopback_alone) return relation::never;
        return relation::sometimes;
    }

    [[nodiscard]] static relation of_connection(std::string_view key, const json::value& right, bool negated,
                                                listed_rule& made) {
        if (key == "state") {
            made.related = made.related || (!negated && has_word(right, "related"));
            return always_if(has_word(right, "new"));
        }
        if (key == "status") return relation::never;
        if (key == "direction") return always_if(has_word(right, "original"));
        return relation::sometimes;
    }

    /// `tcp flags & mask == value` for a SYN.
    [[nodiscard]] static relation of_flags(const json::value& left, const json::value& mask, const json::value& right) {
        if (text_of_value(member(member(left, "payload"), "field")) != "flags") return relation::sometimes;
        if (has_word(mask, "syn")) return always_if(words_in(right) == std::vector<std::string>{"syn"});
        return always_if(right.is_int64() && right.get_int64() == 0);
    }

    packet_filter out_;
    std::map<std::string, json::value> sets_;
    std::set<std::string> of_iptables_;
    rule_texts texts_;
};

}  // namespace

result<packet_filter> read_nft_listing(std::string_view text, std::string_view with_handles) {
    boost::system::error_code failed;
    const auto parsed = json::parse(text, failed);
    const auto* const items = failed ? nullptr : member(parsed, "nftables").if_array();
    if (items == nullptr) return fail(errc::syntax, "the output of 'nft -j list ruleset' is not readable");
    return reader_of_rules(*items, texts_of_rules(with_handles)).take();
}

}  // namespace sallyport::firewall
