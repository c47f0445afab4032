#pragma once
// The firewall rules that remove the cause of a verdict. The folder `firewall` writes them, as it does for
// 'sallyport firewall'.
//
// Pure functions on values; any thread.

#include <optional>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/server_facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>
#include <sallyport/firewall/firewall_needs.hpp>

namespace sallyport::doctor {

/// What the firewall of the server's or the client's side must allow so that the cause is removed; nothing if a firewall's
/// rules do not remove it. `passive_ports` are the server's, which a run cannot show: if they are not known, {0, 0}, there
/// are no connections for the server's side. A client's firewall must allow all ports of the server, since a client does not
/// know them.
[[nodiscard]] std::optional<firewall::firewall_needs> needs_for(const diagnosis::verdict& v, const diagnosis::facts& known,
                                                                bool of_server, port_range passive_ports);

/// The verdicts of diagnosis::judge(), with rules for nftables where the cause is on a host whose ports are known: the
/// client, or the server of a configuration.
[[nodiscard]] std::vector<diagnosis::verdict> diagnose(const diagnosis::facts& known);
[[nodiscard]] std::vector<diagnosis::verdict> diagnose(const diagnosis::server_facts& known);

}  // namespace sallyport::doctor
