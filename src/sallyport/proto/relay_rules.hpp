#pragma once
// What a gateway does not forward, in either direction: commands that would send data past it or hide the session from it,
// replies that break the protocol, and features that end at the gateway. Pure; any thread.

#include <optional>
#include <string>

#include <sallyport/proto/client_side/protection.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/inside_addresses.hpp>
#include <sallyport/proto/pending_replies.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class relay_negotiation;

/// The reply to a command that is never forwarded, whatever the settings say. `after_rnfr`: the command before it was RNFR.
/// The backend does not receive every command, so it could accept an RNTO that did not directly follow RNFR.
[[nodiscard]] std::optional<local_reply> refuse_forwarding(const command& cmd, bool after_rnfr);

/// The reply to ALGS, which a client sends to a translator between IPv6 and IPv4 (RFC 6384 section 11); nothing if `cmd` is
/// another command. The translation cannot be switched off: the server has no other address.
[[nodiscard]] std::optional<local_reply> translation_status(const command& cmd, const relay_settings& settings);

/// The reply to commands that the gateway answers itself, once they are permitted: ALGS, and SITE DOCTOR with the setting
/// for it.
[[nodiscard]] std::optional<reply> own_reply(const command& cmd, const relay_settings& settings);

/// The addresses of a session, which replies of the backend do not show to the client.
[[nodiscard]] inside_addresses addresses_of(const relay_backend& backend, const relay_settings& s);

/// What a reply of the backend breaks, for the log; `pending`: what it answers, nullptr where that is nothing.
[[nodiscard]] std::optional<std::string> violation_of(const reply& r, const pending_reply* pending);

/// The reply to FEAT: the backend's features, where those of the gateway take the place of what ends there. `backend`: its
/// 211, or lines that stand for it.
[[nodiscard]] reply relay_features(const reply& backend, const relay_settings& settings,
                                   const client_protection& protection);
/// The same without a backend.
[[nodiscard]] reply own_features(const relay_settings& settings, const client_protection& protection);

}  // namespace sallyport::proto
