// Output of nft and iptables-save, in which rules with the kernel's FTP helper and those that translate the destination are
// searched.
// - A found rule is a part of the text, and the command that removes it names a table, a chain and a rule. There is no such
//   command for a rule that only has a condition with the helper. A rule of nft that contains a chain is found as one line:
//   what separates its lines, and its words, is not compared.
// - There are no more rules than lines.

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include <sallyport/firewall/conflicting_rules.hpp>

#include "fuzz.hpp"

namespace {

/// Without blanks, ends of lines and semicolons.
std::string without_separators(std::string_view text) {
    std::string out;
    std::ranges::copy_if(text, std::back_inserter(out),
                         [](char c) { return std::string_view(" \t\r\n\v\f;").find(c) == std::string_view::npos; });
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    constexpr std::array<std::uint16_t, 2> ports{21, 990};
    const auto compared_text = without_separators(text);
    const auto has_rule = [&compared_text](const firewall::conflicting_rule& found) {
        return compared_text.contains(without_separators(found.rule));
    };
    const std::array of_nft{firewall::ftp_helpers_of_nft(text), firewall::translations_of_nft(text, ports)};
    for (const auto& rules : of_nft) {
        check(rules.size() <= lines, "a rule is a line");
        for (const auto& found : rules) {
            check(has_rule(found), "the rule is in the text");
            check(found.removal.size() == 8 && found.removal[6] == "handle", "nft delete rule FAMILY TABLE CHAIN handle N");
        }
    }
    const std::array of_iptables{firewall::ftp_helpers_of_iptables(text, "iptables"),
                                 firewall::translations_of_iptables(text, "iptables", ports)};
    for (const auto& rules : of_iptables) {
        check(rules.size() <= lines, "a rule is a line");
        for (const auto& found : rules) {
            check(has_rule(found), "the rule is in the text");
            check(found.removal.size() >= 7 && found.removal[3] == "-D", "iptables -t TABLE -D CHAIN ...");
        }
    }
    const std::array conditions{firewall::ftp_conditions_of_nft(text),
                                firewall::ftp_conditions_of_iptables(text, "iptables")};
    for (const auto& rules : conditions) {
        check(rules.size() <= lines, "a rule is a line");
        for (const auto& found : rules) {
            check(has_rule(found), "the rule is in the text");
            check(found.removal.empty(), "only the condition is to be removed");
        }
    }
    return 0;
}
