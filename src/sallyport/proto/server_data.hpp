#pragma once
// The data connection that a server's client has negotiated, until a transfer takes it (RFC 959, RFC 2428; DC-01,
// DC-07). A value; one thread. What the driver holds for it, a reserved port or an open connection, is released by
// act::drop_data.

#include <cstdint>
#include <string_view>
#include <variant>

#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

class server_data {
public:
    server_data(const ip_address& client, bool passive_allowed, bool active_allowed) noexcept
        : requests_(client, passive_allowed, active_allowed) {}

    /// PORT EPRT PASV EPSV. Whatever was negotiated before is void, also after a refusal (DC-07). `protect`: PROT P.
    [[nodiscard]] std::variant<reply, act::open_passive> negotiate(const command& c, bool protect);
    /// 227, 229 or 425.
    [[nodiscard]] reply passive_opened(const result<endpoint>& advertised);
    void release_negotiation() noexcept;
    /// Only a connection that is open already (MODE B).
    void release_persistent() noexcept;
    /// The connection of the last transfer is open for the next one.
    void store_persistent() noexcept { setup_ = persistent_data{}; }
    /// For the transfer that begins. REQUIRES: is_negotiated()
    [[nodiscard]] data_setup release() noexcept;

    [[nodiscard]] bool is_negotiated() const noexcept { return !std::holds_alternative<std::monostate>(setup_); }
    /// Once: act::drop_data is due.
    [[nodiscard]] bool take_release_request() noexcept;
    /// For STAT.
    [[nodiscard]] std::string_view text() const noexcept;
    /// PORT and EPRT that named a third party or a low port (DC-01).
    [[nodiscard]] std::uint64_t bounce_attempts() const noexcept { return bounce_attempts_; }

private:
    data_requests requests_;
    data_setup setup_;
    // The one that passive_opened() answers.
    data_method passive_method_ = data_method::pasv;
    bool release_pending_ = false;
    std::uint64_t bounce_attempts_ = 0;
};

}  // namespace sallyport::proto
