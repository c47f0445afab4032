#pragma once
// Readers of what nft and iptables-save print, as far as it decides about new TCP connections to this host
// (filter_walk.hpp).
//
// Pure functions; any thread. A condition that is not understood makes its rule partial.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/firewall/filter_walk.hpp>

namespace sallyport::firewall {

/// The output of `nft -j list ruleset`. Tables that iptables-nft makes are left to the other reader, as nft cannot print all
/// of their rules. `with_handles` is the output of `nft -a list ruleset`, from which the texts of the rules are taken; a
/// rule that it does not have is named by its handle. Fails with errc::syntax if `json` is no JSON of nft.
[[nodiscard]] result<packet_filter> read_nft_listing(std::string_view json, std::string_view with_handles = {});

/// The output of `iptables-save` or, with `v4` false, `ip6tables-save`. `variant` is "-nft" or "-legacy", if it is that of
/// such a program: both have tables and chains of the same names, which are different ones.
[[nodiscard]] packet_filter read_iptables_listing(std::string_view saved, bool v4, std::string_view variant = {});

}  // namespace sallyport::firewall
