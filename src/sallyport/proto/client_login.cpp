#include <sallyport/proto/client_login.hpp>

#include <utility>

#include <sallyport/proto/client_channel.hpp>
#include <sallyport/proto/secret_text.hpp>

namespace sallyport::proto {

namespace {

client_failure refuse(client_step at, errc code, std::string detail, const reply& r) {
    return failure_at(at, error{code, 0, std::move(detail) + summary(r)}, &r);
}

/// The reply without the password and the account: what is refused goes into messages and saved files.
reply without_secrets(reply r, const client_settings& s) {
    for (auto& line : r.lines) line = without_secret(without_secret(std::move(line), s.password), s.account);
    return r;
}

}  // namespace

login_action client_login::on_reply(const client_settings& s, const reply& r, bool drained) {
    switch (step_) {
        case step::greeting: return on_greeting(s, r);
        case step::auth_tls:
        case step::auth_ssl: return on_auth(r, drained);
        case step::user:
        case step::pass:
        case step::acct: return on_login(s, r);
        case step::pbsz:
        case step::prot: return on_protection(s, r);
        case step::feat: return on_feat(r);
        // OPTS is optional; its refusal is ignored.
        case step::opts:
        case step::handshake: break;
    }
    return login_act::done{};
}

login_action client_login::send(step then, std::string_view name, std::string_view argument) {
    step_ = then;
    return login_act::send{name, std::string(argument)};
}

login_action client_login::on_greeting(const client_settings& s, const reply& r) {
    if (r.code == 120) {
        delayed_ = true;
        return login_act::wait{};
    }
    if (r.code != 220) return refuse(client_step::greeting, errc::rejected, "the server rejected the session: ", r);
    greeting_ = r;
    if (s.until == open_until::greeting) return login_act::done{};
    if (s.tls_required && !tls_active_) return send(step::auth_tls, "AUTH", "TLS");
    if (s.until == open_until::tls) return login_act::done{};
    return log_in(s);
}

login_action client_login::on_auth(const reply& r, bool drained) {
    if (r.code == 234) {
        if (!drained)
            return client_failure{
                client_step::tls,
                {errc::unexpected, 0, "unencrypted replies after 234; another host may have inserted them"}};
        step_ = step::handshake;
        return login_act::start_tls{};
    }
    if (step_ == step::auth_tls && r.permanent()) return send(step::auth_ssl, "AUTH", "SSL");
    if (r.transient() || r.permanent())
        return refuse(client_step::tls, errc::unsupported, "the server does not support TLS: ", r);
    return refuse(client_step::tls, errc::unexpected, "unexpected reply to AUTH: ", r);
}

login_action client_login::tls_started(const client_settings& s) {
    tls_active_ = true;
    if (s.until == open_until::tls) return login_act::done{};
    return log_in(s);
}

login_action client_login::log_in(const client_settings& s) {
    if (s.tls_required && !tls_active_)
        return client_failure{client_step::tls, {errc::misuse, 0, "attempt to send credentials without TLS"}};
    return send(step::user, "USER", s.user);
}

login_action client_login::on_login(const client_settings& s, const reply& r) {
    if (r.positive()) return tls_active_ ? send(step::pbsz, "PBSZ", "0") : send(step::feat, "FEAT");
    if (r.code == 332 && step_ != step::acct && !s.account.empty()) return send(step::acct, "ACCT", s.account);
    if (r.intermediate() && r.code != 332 && step_ == step::user) return send(step::pass, "PASS", s.password);
    // Before PASS the server knows no password that it could quote.
    const auto shown = step_ == step::user ? r : without_secrets(r, s);
    if (r.code == 332 && step_ != step::acct)
        return refuse(client_step::login, errc::login_refused, "the server also requires an account: ", shown);
    if (r.code == 530) return refuse(client_step::login, errc::login_refused, {}, shown);
    if (r.intermediate()) return refuse(client_step::login, errc::unexpected, "unexpected reply to the login: ", shown);
    return refuse(client_step::login, errc::rejected, "the server refused the login: ", shown);
}

login_action client_login::on_protection(const client_settings& s, const reply& r) {
    // Some servers have no PBSZ; only the reply to PROT matters.
    if (step_ == step::pbsz) return send(step::prot, "PROT", s.protect_data ? "P" : "C");
    if (!r.positive())
        return refuse(client_step::tls, errc::rejected,
                      s.protect_data ? "the server does not encrypt data connections: "
                                     : "the server requires encrypted data connections: ",
                      r);
    protects_data_ = s.protect_data;
    return send(step::feat, "FEAT");
}

login_action client_login::on_feat(const reply& r) {
    if (r.code == 211) features_ = feature_set::parse(r);
    if (features_.utf8) return send(step::opts, "OPTS", "UTF8 ON");
    return login_act::done{};
}

std::chrono::milliseconds client_login::limit(const client_settings& s) const noexcept {
    if (step_ != step::greeting) return s.reply;
    return delayed_ ? s.delayed_greeting : s.greeting;
}

client_step client_login::at() const noexcept {
    switch (step_) {
        case step::greeting: return client_step::greeting;
        case step::auth_tls:
        case step::auth_ssl:
        case step::handshake: return client_step::tls;
        case step::user:
        case step::pass:
        case step::acct:
        case step::pbsz:
        case step::prot:
        case step::feat:
        case step::opts: break;
    }
    return client_step::login;
}

}  // namespace sallyport::proto
