#pragma once
// The client's fallback among EPSV, PASV, EPRT and PORT: which method is next, the address in a reply, and the methods that
// have failed in this session.
//
// A value, owned by one client_machine, used on its thread. No I/O.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <sallyport/proto/client_settings.hpp>

namespace sallyport::proto {

/// The endpoint in a reply to EPSV or PASV, in any of its lines. For EPSV the address is that of the peer.
[[nodiscard]] result<endpoint> advertised_endpoint(data_method m, const ip_address& peer, const reply& r);
/// Whether a data connection may go to this port of a server.
[[nodiscard]] bool may_carry_data(std::uint16_t port) noexcept;

class data_negotiation {
public:
    /// Starts with the first method for a transfer. False if no method can be used (IPv6).
    [[nodiscard]] bool start(const client_settings& s);
    /// The method has failed; with `for_session` it is not tried again in this session. False if it was the last one.
    [[nodiscard]] bool fail(const client_settings& s, error why, bool for_session);

    [[nodiscard]] data_method method() const noexcept { return attempts_.back().method; }
    [[nodiscard]] bool active() const noexcept { return is_active(method()); }
    [[nodiscard]] data_attempt& attempt() noexcept { return attempts_.back(); }
    [[nodiscard]] const std::vector<data_attempt>& attempts() const noexcept { return attempts_; }
    void clear_attempts() noexcept { attempts_.clear(); }

    /// Passive mode: stores the address from this reply in the attempt.
    [[nodiscard]] result<void> on_passive_reply(const client_settings& s, const reply& r);
    /// Active mode: the argument of the command for a listener at `at`.
    [[nodiscard]] result<std::string> active_argument(const client_settings& s, const endpoint& at);
    /// The method is EPSV, and PASV is next: some firewalls drop the one and pass the other.
    [[nodiscard]] bool pasv_can_follow(const client_settings& s) const noexcept;
    /// How long to wait for a step of the method: for EPSV, if PASV can follow, `before_pasv` or some round trips.
    [[nodiscard]] std::chrono::milliseconds patience(const client_settings& s,
                                                     std::chrono::milliseconds before_pasv) const noexcept;

private:
    [[nodiscard]] bool skips(const client_settings& s, data_method m) const noexcept;
    [[nodiscard]] bool choose(const client_settings& s, std::size_t from);

    std::vector<data_attempt> attempts_;
    // The index in the methods of the settings.
    std::size_t at_ = 0;
    // Not to be tried again in this session.
    method_set failed_methods_;
};

}  // namespace sallyport::proto
