// The relay machine's TLS: which leg has it, and what it protects (G10, RFC 4217).

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <utility>

namespace sallyport::proto {

// ---- AUTH

// RFC 4217 section 4. Nothing that came in the clear may take effect under TLS (TLS-01): no byte may follow the command,
// and no login may have begun. Where both legs are alike the one behind comes first: the client hears 234 only when there
// is TLS to match its own.
void relay_machine::auth(const command& cmd) {
    if (!settings_.tls_available) return refuse(cmd, 502, "TLS is not set up on this gateway.");
    if (tls_) return refuse(cmd, 503, "TLS is already active.");
    if (cleared_) return refuse(cmd, 503, "After CCC the control connection stays in the clear; connect again to use TLS.");
    // The older drafts' AUTH SSL and TLS-P mean a protected data connection from the start.
    const bool protects_data = iequals(cmd.argument, "SSL") || iequals(cmd.argument, "TLS-P");
    if (!protects_data && !iequals(cmd.argument, "TLS") && !iequals(cmd.argument, "TLS-C")) {
        return refuse(cmd, 504, "Only AUTH TLS is known here.");
    }
    if (user_given_) return refuse(cmd, 503, "AUTH comes before USER; connect again to use TLS.");
    if (lines_.pending() > 0 || !held_.empty()) return refuse_behind("AUTH TLS before the handshake");
    if (settings_.pass_tls) {
        if (!has_backend_) return end_session("The server behind this gateway ended the connection; connect again.");
        send_backend(cmd, owed::tls);
        stage_ = stage::asking_tls;
        return;
    }
    protect_client_ = protects_data;
    if (backend_.match_tls && !backend_.protect) {
        send_backend({verb::auth, "AUTH", "TLS"}, owed::tls);
        stage_ = stage::asking_tls;
        return;
    }
    answer(234, "Begin the TLS handshake.");
    stage_ = stage::handshaking;
}

void relay_machine::on_auth(const reply& r) {
    if (r.preliminary()) return;
    forget(0);
    if (r.code == 234) {
        if (replies_.pending() > 0) return violation("replies sent behind AUTH TLS (TLS-02)");
        if (settings_.pass_tls) {
            deliver(r);
            stage_ = stage::passing;
            return;
        }
        stage_ = stage::securing;
        return;
    }
    stage_ = stage::open;
    protect_client_ = false;
    if (settings_.pass_tls) return deliver(r);
    note(relay_note::refused, "AUTH: the backend answers " + std::to_string(r.code) + ' ' + r.whole_text());
    answer(431, "The server behind this gateway offers no TLS.");
}

void relay_machine::backend_tls_started() {
    if (stage_ != stage::securing) return;
    backend_.protect = true;
    answer(234, "Begin the TLS handshake.");
    stage_ = stage::handshaking;
}

void relay_machine::client_tls_started(std::optional<std::string> certified) {
    tls_ = true;
    certified_user_ = std::move(certified);
    stage_ = stage::open;
}

void relay_machine::refuse_behind(std::string_view what) {
    note(relay_note::violation, "bytes sent behind " + std::string(what));
    end_session("Commands must not follow " + std::string(what) + '.');
}

// ---- Protection of data

void relay_machine::pbsz() {
    if (!tls_) return answer(503, "PBSZ needs TLS first; send AUTH TLS.");
    pbsz_given_ = true;
    answer(200, "PBSZ=0");
}

void relay_machine::prot(const command& cmd) {
    const auto level = to_upper(cmd.argument);
    if (cleared_) return refuse(cmd, 503, "After CCC the protection of data connections stays as it is.");
    if (!tls_) return refuse(cmd, 503, "PROT needs TLS first; send AUTH TLS.");
    if (!pbsz_given_) return refuse(cmd, 503, "Send PBSZ 0 before PROT.");
    if (level == "S" || level == "E") return refuse(cmd, 536, "Only PROT C and PROT P are possible under TLS.");
    if (level != "C" && level != "P") return refuse(cmd, 504, "PROT takes C or P.");
    if (level == "C" && settings_.tls_required)
        return refuse(cmd, 534, "Data connections must be encrypted here; use PROT P.");
    if (backend_.match_tls && logged_in_) {
        protect_behind(level, owed::level);
        stage_ = stage::awaiting;
        return;
    }
    protect_client_ = level == "P";
    answer(200, protect_client_ ? "Data connections will be encrypted." : "Data connections will be in plain text.");
}

/// PROT, and PBSZ before the first one; `kind` says whose the reply is.
void relay_machine::protect_behind(std::string_view level, owed kind) {
    if (!std::exchange(pbsz_given_behind_, true)) send_backend({verb::pbsz, "PBSZ", "0"}, owed::protection);
    send_backend({verb::prot, "PROT", std::string(level)}, kind);
    pending_.back().text = level;
}

void relay_machine::on_protection(const reply& r, verb id) {
    if (r.preliminary()) return;
    if (id == verb::prot && !r.positive()) {
        note(relay_note::violation, "the backend refuses PROT P: " + std::to_string(r.code) + ' ' + r.whole_text());
        return end_session("The server behind this gateway refuses to encrypt data connections.");
    }
    forget(0);
}

void relay_machine::on_level(const reply& r) {
    deliver(r);
    if (r.preliminary()) return;
    if (r.positive()) protect_client_ = backend_protected_ = pending_.front().text == "P";
    forget(0);
}

// ---- The end of TLS

// RFC 4217 section 6. Who must use TLS may not leave it, and what protects the data then is what stood before: nobody on
// the way may change it (TLS-06).
void relay_machine::ccc(const command& cmd) {
    if (!tls_) return refuse(cmd, 533, "The control connection is not encrypted.");
    if (!settings_.ccc_allowed || settings_.tls_required) return refuse(cmd, 534, "The control connection stays encrypted.");
    if (!logged_in_) return refuse(cmd, 530, "Log in first with USER and PASS.");
    if (!protect_client_) return refuse(cmd, 534, "Data connections must be encrypted first; send PROT P.");
    if (lines_.pending() > 0 || !held_.empty()) return refuse_behind("CCC before its reply");
    answer(200, "The control connection goes on in the clear; data connections stay encrypted.");
    stage_ = stage::clearing;
}

void relay_machine::client_tls_ended() {
    tls_ = false;
    cleared_ = true;
    stage_ = stage::open;
}

// In front TLS stays on, as at the server; but a backend may take the command for the end of TLS (RFC 4217 section 11), so
// the next login gets a fresh connection there.
void relay_machine::rein(const command& cmd) {
    if (cleared_) return refuse(cmd, 502, "REIN is not possible after CCC; connect again instead.");
    reset_channel();
    protect_client_ = settings_.tls_active;
    pbsz_given_ = false;
    if (has_backend_ && !backend_.protect) return pass(cmd);
    if (has_backend_) lose_backend();
    forget_login();
    answer(220, "FTP service ready.");
}

}  // namespace sallyport::proto
