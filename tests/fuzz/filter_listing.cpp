// Output of nft -j and iptables-save, in which the way of a new connection is followed.
// - Any text is read, and the walk ends.
// - A decision that blocks names its chain, and ports that are blocked are in the range.

#include <sallyport/firewall/filter_listing.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    auto filter = firewall::read_iptables_listing(text, true);
    if (auto of_nft = firewall::read_nft_listing(text)) filter.add(std::move(*of_nft));
    constexpr port_range range{20, 23};
    for (const bool v4 : {true, false})
        for (const auto& found : firewall::find_blocked(filter, v4, range)) {
            check(found.ports.first >= range.first && found.ports.last <= range.last, "ports are in the range");
            check(found.decision.outcome != firewall::filter_outcome::accepted, "blocked ports are not accepted");
            check(!found.decision.rule.empty(), "a rule or a policy decides");
        }
    return 0;
}
