#pragma once
// An interception as text: the rules and routes that would be made, and the lines that an administrator's own firewall
// needs.
//
// Pure functions; any thread.

#include <string>
#include <vector>

#include <sallyport/firewall/interception.hpp>
#include <sallyport/firewall/rule_formats.hpp>

namespace sallyport::firewall {

/// What the gateway makes, and removes when it ends.
struct interception_text {
    // For nft(8).
    std::string rules;
    // Commands of ip(8), one a line.
    std::string routes;
    // For nft(8): the table of when_down::block, which outlives the gateway; otherwise empty.
    std::string blocking;
};
[[nodiscard]] interception_text text_of(const interception_settings& s);

/// Lines for the administrator's own rules, in a format of Linux. Where related connections are accepted, nothing is needed
/// for forwarded packets.
struct administrator_lines {
    // So that intercepted control connections reach the gateway: TPROXY keeps their ports, and they pass the input chain.
    std::vector<std::string> input;
    // For data connections, instead of a rule for related connections.
    std::vector<std::string> forward_without_related;
};
[[nodiscard]] administrator_lines administrator_rules(const interception_settings& s, firewall_format format);

}  // namespace sallyport::firewall
