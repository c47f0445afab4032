#pragma once
// The rules for commands before the login, and for the argument of HOST. Pure functions; any thread.

#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// The reply to a command that is not allowed at this stage: 530, 503 to PASS, 500 to an unknown command. `tls_missing`: TLS
/// is required for a login and not active. Nothing if the command is allowed.
[[nodiscard]] std::optional<local_reply> refuse_early(const command& cmd, session_stage stage, bool tls_missing);

/// The reply that refuses a HOST, or nothing. HOST must come before USER and has a name or an address (RFC 7151, section 3).
/// An address, with or without brackets, must be `client_destination`, the address that the client connected to.
[[nodiscard]] std::optional<local_reply> refuse_host(std::string_view host, session_stage stage,
                                                     const ip_address& client_destination);
/// The address in the argument of HOST, if it is an address.
[[nodiscard]] std::optional<ip_address> address_in_host(std::string_view host);

/// The user names of anonymous FTP: that of RFC 1635, and "ftp", which most servers accept too.
[[nodiscard]] bool is_anonymous_name(std::string_view name) noexcept;

}  // namespace sallyport::proto
