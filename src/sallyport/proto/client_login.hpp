#pragma once
// A client's way from the greeting to a session that takes orders, as a value: a reply goes in, what to do next comes out.
//
// TLS that was asked for is a property of this part: USER, PASS and ACCT can't come out of it before TLS stands (TLS-03).
// No I/O, no clock; owned by one client_machine, used on its thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <sallyport/proto/client_settings.hpp>
#include <sallyport/proto/feature_set.hpp>

namespace sallyport::proto {

namespace login_act {
/// The next reply belongs to the same command: a 120 has come.
struct wait {};
struct send {
    std::string_view name;
    std::string argument;
};
/// A handshake, then tls_started().
struct start_tls {};
/// The session is as far as it was to go.
struct done {};
}  // namespace login_act

/// A failure here leaves nothing to build on: it ends the session.
using login_action = std::variant<login_act::wait, login_act::send, login_act::start_tls, login_act::done, client_failure>;

class client_login {
public:
    explicit client_login(const client_settings& s) : tls_active_(s.tls_active) {}

    /// `drained`: no byte of the server is left unread behind this reply.
    [[nodiscard]] login_action on_reply(const client_settings& s, const reply& r, bool drained);
    [[nodiscard]] login_action tls_started(const client_settings& s);
    /// The login, where the first order was to end before it.
    [[nodiscard]] login_action log_in(const client_settings& s);

    /// How long the reply that is due may take.
    [[nodiscard]] std::chrono::milliseconds limit(const client_settings& s) const noexcept;
    [[nodiscard]] client_step at() const noexcept;
    [[nodiscard]] bool tls_active() const noexcept { return tls_active_; }
    [[nodiscard]] bool protects_data() const noexcept { return protects_data_; }
    /// The 220; an empty reply before it has come.
    [[nodiscard]] const reply& greeting() const noexcept { return greeting_; }
    [[nodiscard]] const feature_set& features() const noexcept { return features_; }

private:
    enum class step : std::uint8_t { greeting, auth_tls, auth_ssl, handshake, user, pass, acct, pbsz, prot, feat, opts };

    [[nodiscard]] login_action send(step then, std::string_view name, std::string_view argument = {});
    [[nodiscard]] login_action on_greeting(const client_settings& s, const reply& r);
    [[nodiscard]] login_action on_auth(const reply& r, bool drained);
    [[nodiscard]] login_action on_login(const client_settings& s, const reply& r);
    [[nodiscard]] login_action on_protection(const client_settings& s, const reply& r);
    [[nodiscard]] login_action on_feat(const reply& r);

    step step_ = step::greeting;
    bool delayed_ = false;  // a 120 has come
    bool tls_active_;
    bool protects_data_ = false;  // PROT P stands
    reply greeting_{0, {std::string()}};
    feature_set features_;
};

}  // namespace sallyport::proto
