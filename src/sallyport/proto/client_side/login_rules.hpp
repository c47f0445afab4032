#pragma once
// Which commands must wait for a login, and what HOST may name. Pure; any thread.

#include <optional>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// The reply to a command whose time has not come: 530, 503 to PASS, 500 to an unknown one. `tls_missing`: it is required
/// for a login, and not there. Nothing: it may be obeyed.
[[nodiscard]] std::optional<local_reply> refuse_early(const command& cmd, session_stage stage, bool tls_missing);

/// RFC 7151 section 3: HOST comes before USER and has a name or an address; an address must be the one that the client has
/// connected to, `client_destination`, in brackets or without.
[[nodiscard]] std::optional<local_reply> refuse_host(std::string_view host, session_stage stage,
                                                     const ip_address& client_destination);
/// The address that the argument of HOST is, if it is one.
[[nodiscard]] std::optional<ip_address> address_in_host(std::string_view host);

/// The zone of a link-local address belongs to a host's own sockets, and text in the protocol can't know it (RFC 4007
/// section 11).
[[nodiscard]] bool is_same_host(const ip_address& a, const ip_address& b) noexcept;

}  // namespace sallyport::proto
