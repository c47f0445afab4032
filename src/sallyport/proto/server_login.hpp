#pragma once
// The login at a server: USER and PASS (RFC 959, section 4.1.1; AU-01, TLS-11).
//
// A value, owned by the server machine; one thread.

#include <string>
#include <variant>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

class server_login {
public:
    /// `tls_required`: named users need TLS.
    server_login(bool anonymous_allowed, bool tls_required) noexcept
        : anonymous_allowed_(anonymous_allowed), tls_required_(tls_required) {}

    /// USER. `tls`: TLS is active on the control connection.
    [[nodiscard]] reply start(const std::string& name, bool tls);
    /// PASS.
    [[nodiscard]] std::variant<reply, login_request> password_request(const std::string& password, bool tls) const;
    /// `outcome`: errc::login_refused, errc::not_allowed with a text for the client, or the error that prevented a decision.
    /// A reply with 421 ends the session. `account_requires_tls`: this user's data connections must be protected.
    [[nodiscard]] reply finish(const result<void>& outcome, bool account_requires_tls = false);
    /// Too many logins were refused, so the session must end.
    [[nodiscard]] bool attempts_used_up() const noexcept;
    /// After REIN and AUTH TLS: all earlier commands are discarded (TLS-01).
    void reset();

    [[nodiscard]] const std::string& user() const noexcept { return user_; }
    [[nodiscard]] bool logged_in() const noexcept { return stage_ == session_stage::logged_in; }
    [[nodiscard]] session_stage stage() const noexcept { return stage_; }
    [[nodiscard]] bool needs_tls_first(bool tls) const noexcept { return tls_required_ && !tls; }
    [[nodiscard]] bool data_must_be_protected() const noexcept {
        return (tls_required_ && !anonymous_) || account_requires_tls_;
    }

private:
    bool anonymous_allowed_;
    bool tls_required_;
    std::string user_;
    session_stage stage_ = session_stage::connected;
    bool anonymous_ = false;
    bool account_requires_tls_ = false;
    int refused_ = 0;
};

}  // namespace sallyport::proto
