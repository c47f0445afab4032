#pragma once
// The login part of the client machine: from the greeting to a session that accepts operations. A reply goes in, the next
// action comes out.
//
// If TLS is required, this part never sends USER, PASS or ACCT before TLS is established (TLS-03). No I/O and no clock. A
// value, owned by one client_machine, used on its thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <sallyport/proto/client_settings.hpp>
#include <sallyport/proto/feature_set.hpp>

namespace sallyport::proto {

namespace login_act {
/// A 120 was received; the next reply belongs to the same command.
struct wait {};
struct send {
    std::string_view name;
    std::string argument;
};
/// Do the TLS handshake, then call tls_started().
struct start_tls {};
/// The session has reached the end that client_settings::until names.
struct done {};
}  // namespace login_act

/// A failure during the login ends the session.
using login_action = std::variant<login_act::wait, login_act::send, login_act::start_tls, login_act::done, client_failure>;

class client_login {
public:
    explicit client_login(const client_settings& s) : tls_active_(s.tls_active) {}

    /// `drained`: no byte of the server follows this reply.
    [[nodiscard]] login_action on_reply(const client_settings& s, const reply& r, bool drained);
    [[nodiscard]] login_action tls_started(const client_settings& s);
    /// Starts the login, if the first operation ended before it.
    [[nodiscard]] login_action log_in(const client_settings& s);

    /// The timeout for the expected reply.
    [[nodiscard]] std::chrono::milliseconds limit(const client_settings& s) const noexcept;
    [[nodiscard]] client_step at() const noexcept;
    [[nodiscard]] bool tls_active() const noexcept { return tls_active_; }
    [[nodiscard]] bool protects_data() const noexcept { return protects_data_; }
    /// The 220; an empty reply until it is received.
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
    // A 120 was received.
    bool delayed_ = false;
    bool tls_active_;
    // PROT P is in force.
    bool protects_data_ = false;
    reply greeting_{0, {std::string()}};
    feature_set features_;
};

}  // namespace sallyport::proto
