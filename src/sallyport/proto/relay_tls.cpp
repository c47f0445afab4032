// The relay machine's TLS: which leg has it, and what it protects (G10, RFC 4217).

#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <utility>

namespace sallyport::proto {

// ---- AUTH

// RFC 4217 section 4. Where both legs are alike the one behind comes first: the client hears 234 only when there is TLS to
// match its own. Nothing that was said before in the clear may take effect under TLS (TLS-01), so a login begins anew.
void relay_machine::auth(const command& cmd) {
    if (const auto no = protection_.accept_auth(cmd, pending_bytes())) return refuse(cmd, *no);
    if (settings_.tls_passthrough) {
        if (!has_backend_) return end_session("The server behind this gateway ended the connection; connect again.");
        send_backend(cmd, reply_kind::auth);
        stage_ = stage::awaiting_auth_reply;
        return;
    }
    if (user_given_) restart_login();
    if (backend_.match_tls && !backend_.protect) {
        send_backend({verb::auth, "AUTH", "TLS"}, reply_kind::auth);
        stage_ = stage::awaiting_auth_reply;
        return;
    }
    answer(234, replies::start_handshake);
    stage_ = stage::starting_client_tls;
}

void relay_machine::on_auth(const reply& r) {
    if (r.preliminary()) return;
    forget(0);
    if (r.code == 234) {
        if (replies_.pending() > 0) return violation("replies sent behind AUTH TLS (TLS-02)");
        if (settings_.tls_passthrough) {
            deliver(r);
            stage_ = stage::passthrough;
            return;
        }
        stage_ = stage::starting_backend_tls;
        return;
    }
    stage_ = stage::open;
    if (settings_.tls_passthrough) return deliver(r);
    note(relay_note::refused, "AUTH: the backend answers " + std::to_string(r.code) + ' ' + r.full_text());
    answer(431, "The server behind this gateway offers no TLS.");
}

void relay_machine::backend_tls_started() {
    if (stage_ != stage::starting_backend_tls) return;
    backend_.protect = true;
    answer(234, replies::start_handshake);
    stage_ = stage::starting_client_tls;
}

void relay_machine::client_tls_started(std::optional<std::string> certified) {
    protection_.tls_started();
    certificate_user_ = std::move(certified);
    stage_ = stage::open;
}

// ---- Protection of data

void relay_machine::pbsz(const command& cmd) {
    if (const auto no = protection_.accept_pbsz(cmd)) return refuse(cmd, *no);
    answer(200, replies::pbsz);
}

void relay_machine::prot(const command& cmd) {
    const auto level = protection_.read_prot(cmd, settings_.tls_required);
    if (!level) return refuse(cmd, level.error());
    if (backend_.match_tls && logged_in_) {
        protect_backend_data(*level ? "P" : "C", reply_kind::prot);
        stage_ = stage::awaiting_reply;
        return;
    }
    const auto done = protection_.set_data(*level);
    answer(done.code, done.text);
}

/// PROT, and PBSZ before the first one; `kind` says whose the reply is.
void relay_machine::protect_backend_data(std::string_view level, reply_kind kind) {
    if (!std::exchange(backend_pbsz_accepted_, true)) send_backend({verb::pbsz, "PBSZ", "0"}, reply_kind::protection);
    send_backend({verb::prot, "PROT", std::string(level)}, kind);
}

void relay_machine::on_protection(const reply& r, verb id) {
    if (r.preliminary()) return;
    if (id == verb::prot && !r.positive()) {
        note(relay_note::violation, "the backend refuses PROT P: " + std::to_string(r.code) + ' ' + r.full_text());
        return end_session("The server behind this gateway refuses to encrypt data connections.");
    }
    forget(0);
}

void relay_machine::on_level(const reply& r) {
    deliver(r);
    if (r.preliminary()) return;
    if (r.positive()) protection_.set_data(backend_protected_ = pending_.front().text == "P");
    forget(0);
}

// ---- The end of TLS

// RFC 4217 section 6. Who must use TLS may not leave it, and what protects the data then is what stood before: nobody on
// the way may change it (TLS-06).
void relay_machine::ccc(const command& cmd) {
    if (const auto no = protection_.refuse_ccc(pending_bytes(), settings_.tls_required)) return refuse(cmd, *no);
    answer(200, replies::cleared);
    stage_ = stage::ending_client_tls;
}

void relay_machine::client_tls_ended() {
    protection_.tls_ended();
    stage_ = stage::open;
}

// In front TLS stays on, as at the server; but a backend may take the command for the end of TLS (RFC 4217 section 11), so
// the next login gets a fresh connection there.
void relay_machine::rein(const command& cmd) {
    if (const auto no = protection_.refuse_rein()) return refuse(cmd, *no);
    reset_channel();
    protection_.reset_levels();
    if (has_backend_ && !backend_.protect) return pass(cmd);
    restart_login();
    answer(220, "FTP service ready.");
}

/// The next login gets a connection of its own to a backend, and nothing of this one is known to it.
void relay_machine::restart_login() {
    if (has_backend_) lose_backend();
    forget_login();
}

}  // namespace sallyport::proto
