#pragma once
// The data connection that a server's client has negotiated, until a transfer uses it (RFC 959, RFC 2428; DC-01, DC-07).
//
// The driver holds the reserved port or the open connection; act::release_data releases it. A value, owned by the server
// machine; one thread.

#include <cstdint>
#include <string_view>
#include <variant>

#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

class server_data {
public:
    server_data(const ip_address& client, bool passive_allowed, bool active_allowed) noexcept
        : requests_(client, passive_allowed, active_allowed) {}

    /// PORT, EPRT, PASV or EPSV. Cancels the earlier negotiation, also if the command is refused (DC-07). `protect`: PROT P.
    [[nodiscard]] std::variant<reply, act::open_passive> negotiate(const command& c, bool protect);
    /// The 227, 229 or 425.
    [[nodiscard]] reply passive_opened(const result<endpoint>& advertised);
    void release_negotiation() noexcept;
    /// Closes a connection that is still open (MODE B), but keeps another negotiation.
    void release_persistent() noexcept;
    /// For a refused transfer: like a failed one, it uses up the negotiated data connection, unless that is persistent.
    void release_unless_persistent() noexcept;
    /// The connection of the last transfer stays open for the next one.
    void store_persistent() noexcept { setup_ = persistent_data{}; }
    /// For the transfer that starts. REQUIRES: is_negotiated().
    [[nodiscard]] data_setup release() noexcept;

    [[nodiscard]] bool is_negotiated() const noexcept { return !std::holds_alternative<std::monostate>(setup_); }
    /// True once if act::release_data must be returned.
    [[nodiscard]] bool pop_release_request() noexcept;
    /// `arrived`: that of the driver, for the passive port or the last data connection.
    [[nodiscard]] site_doctor_session doctor_session(const endpoint& peer, data_sources arrived) const;
    /// A text for STAT.
    [[nodiscard]] std::string_view text() const noexcept;
    /// The number of PORT and EPRT commands with another host or a port below 1024 (DC-01).
    [[nodiscard]] std::uint64_t bounce_attempts() const noexcept { return bounce_attempts_; }
    /// The last of them.
    [[nodiscard]] const std::optional<data_request>& refused_target() const noexcept { return requests_.refused_target(); }

private:
    data_requests requests_;
    data_setup setup_;
    // The method that passive_opened() answers.
    data_method passive_method_ = data_method::pasv;
    bool release_pending_ = false;
    std::uint64_t bounce_attempts_ = 0;
};

}  // namespace sallyport::proto
