#pragma once
// What a client asks for by PASV, EPSV, PORT and EPRT, and the replies to it (RFC 959, RFC 2428; DC-01, DC-06, DC-07).
// Whatever was agreed before is void as soon as one of them is read, also where it is refused: that is its owner's to do. A
// value; one thread.

#include <expected>
#include <optional>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct data_request {
    data_method method = data_method::pasv;
    endpoint target{};  // PORT and EPRT: the client's address, with its zone, and the port that it has named
};

/// There is nothing to do but to reply.
struct data_reply {
    local_reply reply;
    std::optional<endpoint> bounce_attempt{};  // the target at another host, or at a low port
};

class data_requests {
public:
    data_requests(const ip_address& client, bool passive_allowed, bool active_allowed) noexcept
        : client_(client), passive_allowed_(passive_allowed), active_allowed_(active_allowed) {}

    /// REQUIRES: data_use_of(cmd.id) is passive or active.
    [[nodiscard]] std::expected<data_request, data_reply> read(const command& cmd);
    /// Only EPSV for the whole session.
    [[nodiscard]] bool epsv_all() const noexcept { return epsv_all_; }

private:
    [[nodiscard]] std::expected<data_request, data_reply> read_epsv(const command& cmd);
    [[nodiscard]] std::expected<data_request, data_reply> read_target(const command& cmd) const;

    ip_address client_;
    bool passive_allowed_;
    bool active_allowed_;
    bool epsv_all_ = false;
};

/// 200 to PORT and EPRT.
[[nodiscard]] local_reply active_reply(data_method method);
/// 425: no port could be reserved.
[[nodiscard]] local_reply no_port_reply(const error& why);
/// 227 or 229 with the port, or 425.
[[nodiscard]] local_reply passive_reply(data_method method, const result<endpoint>& advertised);

}  // namespace sallyport::proto
