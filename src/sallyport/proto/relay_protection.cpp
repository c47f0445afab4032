#include <sallyport/proto/relay_protection.hpp>

#include <string>
#include <string_view>

#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {
namespace {

/// Few lines have a byte 0xFF.
void convert_lines(reply& r, std::string (*convert)(std::string_view)) {
    for (auto& line : r.lines)
        if (line.find('\xff') != std::string::npos) line = convert(line);
}

}  // namespace

relay_protection::relay_protection(const relay_settings& settings) noexcept
    : client_({.implicit_tls = settings.tls_active,
               .auth_offered = settings.tls_available,
               .ccc_allowed = settings.ccc_allowed}) {}

std::optional<local_reply> relay_protection::refuse(const command& cmd, std::size_t pending_bytes,
                                                    const relay_settings& settings) {
    switch (cmd.id) {
        case verb::auth:
            if (settings.auth == client_tls::refused)
                return local_reply{534, "TLS is not permitted on the way to this server."};
            return client_.accept_auth(cmd, pending_bytes);
        case verb::pbsz: return client_.accept_pbsz(cmd);
        case verb::prot:
            if (const auto level = client_.read_prot(cmd, settings.tls_required); !level) return level.error();
            return std::nullopt;
        // RFC 4217 section 6. TLS that is required may not be ended, and the level of data stays as it is: no host on the
        // way may change it (TLS-06).
        case verb::ccc: return client_.refuse_ccc(pending_bytes, settings.tls_required);
        case verb::rein: return client_.refuse_rein();
        default: return std::nullopt;
    }
}

std::optional<relay_event> relay_protection::handle(const command& cmd, const relay_settings& settings, bool logged_in,
                                                    relay_backend_leg& backend, relay_output& out) {
    switch (cmd.id) {
        case verb::auth:
            if (settings.tls_may_pass()) {
                (void)out.send_command(cmd, reply_kind::auth);
                return relay_event::auth_sent;
            }
            if (backend.matches_client() && !out.backend_tls()) {
                (void)out.send_command({verb::auth, "AUTH", "TLS"}, reply_kind::auth);
                return relay_event::auth_sent;
            }
            out.send_local_reply(234, replies::start_handshake);
            return relay_event::client_tls_offered;
        case verb::pbsz: out.send_local_reply(200, replies::pbsz); return std::nullopt;
        case verb::prot: return handle_prot(cmd, settings, logged_in, backend, out);
        case verb::ccc: out.send_local_reply(200, replies::cleared); return relay_event::ccc_accepted;
        default: return std::nullopt;
    }
}

std::optional<relay_event> relay_protection::handle_prot(const command& cmd, const relay_settings& settings, bool logged_in,
                                                         relay_backend_leg& backend, relay_output& out) {
    const auto level = client_.read_prot(cmd, settings.tls_required);
    // This cannot happen: refuse() has accepted the level.
    if (!level) return std::nullopt;
    if (backend.matches_client() && logged_in) {
        backend.send_prot(*level, reply_kind::prot, out);
        return relay_event::command_sent;
    }
    out.send_local_reply(client_.set_data(*level));
    return std::nullopt;
}

relay_event relay_protection::on_auth_reply(const reply& r, const relay_settings& settings, relay_output& out) {
    if (settings.auth == client_tls::passes) {
        out.forward_reply(r);
        return r.code == 234 ? relay_event::passthrough_accepted : relay_event::auth_refused;
    }
    if (r.code == 234 && settings.auth == client_tls::chosen_by_hello) {
        out.send_local_reply(234, replies::start_handshake);
        offered_ = true;
        return relay_event::client_hello_requested;
    }
    if (r.code == 234) return relay_event::auth_accepted;
    out.note(relay_note::refused, "AUTH: the backend answers " + std::to_string(r.code) + ' ' + r.full_text());
    out.send_local_reply(431, "The FTP server does not support TLS.");
    return relay_event::auth_refused;
}

void relay_protection::on_prot_reply(const reply& r, bool protect, relay_backend_leg& backend) {
    if (!r.positive()) return;
    client_.set_data(protect);
    backend.set_data_protected(protect);
}

void relay_protection::convert_telnet(reply& r, const relay_output& out) const {
    if (client_.tls() != out.backend_tls()) convert_lines(r, client_.tls() ? telnet_unescape : telnet_escape);
}

reply relay_protection::unescaped(reply to_client) const {
    if (!client_.tls()) convert_lines(to_client, telnet_unescape);
    return to_client;
}

relay_event relay_protection::on_client_hello(bool passes, bool connected) noexcept {
    // Only the backend can send a reply in TLS that passes.
    if (end_text_) return passes ? relay_event::session_ended : relay_event::client_tls_offered;
    if (passes) return relay_event::passthrough_accepted;
    return connected ? relay_event::auth_accepted : relay_event::client_tls_offered;
}

bool relay_protection::awaits_handshake(relay_stage stage) const noexcept {
    using enum relay_stage;
    if (client_.tls()) return false;
    return stage == awaiting_client_hello || stage == starting_client_tls || (stage == starting_backend_tls && offered_);
}

std::optional<relay_event> relay_protection::end_after_handshake(relay_stage stage, std::string_view text,
                                                                 relay_backend_leg& backend, relay_output& out) {
    if (!end_text_) end_text_ = text;
    backend.release(out);
    if (stage != relay_stage::starting_backend_tls) return std::nullopt;
    return relay_event::client_tls_offered;
}

relay_event relay_protection::backend_tls_started(relay_output& out) {
    out.set_backend_tls(true);
    if (!offered_) out.send_local_reply(234, replies::start_handshake);
    return relay_event::client_tls_offered;
}

}  // namespace sallyport::proto
