// Rules of --external-address, one per line.
// - A valid rule has a usable address, and means the same in any order of its conditions.
// - Sorting keeps every rule, and of the rules that match a client the first has the longest network.

#include <vector>

#include <sallyport/reach/address_rule.hpp>

#include "fuzz.hpp"

namespace {

using sallyport::fuzz::check;
using namespace sallyport;

std::string backwards(std::string_view rule) {
    const auto equals = rule.rfind('=');
    if (equals == std::string_view::npos) return std::string(rule);
    auto conditions = rule.substr(0, equals);
    std::string out;
    for (auto comma = conditions.rfind(','); comma != std::string_view::npos; comma = conditions.rfind(',')) {
        out.append(conditions.substr(comma + 1)).append(",");
        conditions = conditions.substr(0, comma);
    }
    return out.append(conditions).append(rule.substr(equals));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const reach::client_info clients[] = {{*ip_address::parse("10.1.2.3"), *endpoint::parse("192.0.2.1:990"), true},
                                          {*ip_address::parse("fd00::1"), *endpoint::parse("[2001:db8::1]:21"), false}};
    auto text = sallyport::fuzz::text_of(data, size);
    std::vector<reach::address_rule> rules;
    while (!text.empty()) {
        const auto line = sallyport::fuzz::next_line(text);
        const auto rule = reach::address_rule::parse(line);
        const auto reordered = reach::address_rule::parse(backwards(line));
        check(rule.has_value() == reordered.has_value() && (!rule || *rule == *reordered),
              "the order of the conditions does not matter");
        if (!rule) continue;
        const auto address = ip_address::parse(rule->address);
        check(!address || address->is_v4(), "the address is an IPv4 address");
        check(rule->address.find_first_of(std::string_view("\0\r\n =,", 6)) == std::string::npos,
              "a host name has no separator or control character");
        rules.push_back(*rule);
    }
    const auto ordered = reach::by_precedence(rules);
    check(ordered.size() == rules.size(), "sorting keeps the number of rules");
    for (const auto& rule : rules)
        check(std::ranges::count(ordered, rule) == std::ranges::count(rules, rule), "sorting keeps every rule");
    for (const auto& client : clients) {
        const auto matches = [&](const reach::address_rule& rule) { return rule.matches(client); };
        const auto length = [](const reach::address_rule& rule) { return rule.clients ? rule.clients->prefix() : 0U; };
        const auto first = std::ranges::find_if(ordered, matches);
        check((first == ordered.end()) == std::ranges::none_of(rules, matches), "a matching rule is found");
        for (const auto& rule : rules)
            check(!matches(rule) || length(rule) <= length(*first), "the rule with the longest network is first");
    }
    return 0;
}
