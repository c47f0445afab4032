#pragma once
// The servers that the clients of a forward proxy may name (--forward-to), and the addresses that no rule permits.
//
// A rule names a network or hosts by their names, with the ports. A name is looked up once: the addresses that the rules
// permit are those that are connected to, so that the name server can't answer with another one in between (DNS rebinding).
//
// Values and pure functions; any thread.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/proto/named_server.hpp>

namespace sallyport::gate {

/// Reads "NET[:PORTS]" or "NAME[:PORTS]", with the scheme of a backend before it for TLS with the server, and with
/// "?tls=match" after it. NAME may begin with "*."; PORTS are numbers and ranges, with commas between them. An IPv6 network
/// with ports is in brackets.
[[nodiscard]] result<forward_rule> parse_forward_rule(std::string_view text);

/// Why no rule can permit this address, for the log; nothing if one can. `machine`: the addresses of this machine.
[[nodiscard]] std::string_view reason_against(const ip_address& a, const std::vector<ip_address>& machine) noexcept;

/// Whether a rule could permit this server, so that its name is worth a lookup.
[[nodiscard]] bool may_permit(const std::vector<forward_rule>& rules, const proto::named_server& server);

/// The server as the first rule that permits it has it, with the addresses that may be connected to; or why none does, for
/// the log. `addresses`: those of its name, or the address that was named.
[[nodiscard]] std::expected<backend, std::string> permit(const std::vector<forward_rule>& rules,
                                                         const proto::named_server& server,
                                                         const std::vector<ip_address>& addresses,
                                                         const std::vector<ip_address>& machine);

}  // namespace sallyport::gate
