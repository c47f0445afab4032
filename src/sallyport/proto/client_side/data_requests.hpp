#pragma once
// Reads PASV, EPSV, PORT and EPRT of a client, and makes their replies (RFC 959, RFC 2428; DC-01, DC-06, DC-07).
//
// Each of these commands, also a refused one, cancels an earlier negotiation; the owner does that. A value, owned by a
// server machine or a relay machine; one thread.

#include <expected>
#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct data_request {
    data_method method = data_method::pasv;
    // PORT and EPRT: the client's address, with its zone, and the port in the command.
    endpoint target{};
};

/// The command needs no more than this reply.
struct data_reply {
    local_reply reply;
    // A data target at another host, or with a port below 1024.
    std::optional<endpoint> bounce_attempt{};
};

class data_requests {
public:
    data_requests(const ip_address& client, bool passive_allowed, bool active_allowed) noexcept
        : client_(client), passive_allowed_(passive_allowed), active_allowed_(active_allowed) {}

    /// REQUIRES: data_use_of(cmd.id) is passive or active.
    [[nodiscard]] std::expected<data_request, data_reply> read(const command& cmd);
    /// The last PORT or EPRT that was refused because it named another host or a port below 1024.
    [[nodiscard]] const std::optional<data_request>& refused_target() const noexcept { return refused_target_; }
    /// PASV or EPSV was answered with this.
    void note_answer(const local_reply& answer);
    /// The last PORT or EPRT as it was received, or the last 227 or 229 as it was sent. Empty if there was none.
    [[nodiscard]] const std::string& last_line() const noexcept { return last_line_; }
    /// EPSV ALL was received: only EPSV is allowed in this session.
    [[nodiscard]] bool epsv_all() const noexcept { return epsv_all_; }

private:
    [[nodiscard]] std::expected<data_request, data_reply> read_epsv(const command& cmd);
    [[nodiscard]] std::expected<data_request, data_reply> read_target(const command& cmd) const;

    ip_address client_;
    bool passive_allowed_;
    bool active_allowed_;
    bool epsv_all_ = false;
    std::optional<data_request> refused_target_;
    std::string last_line_;
};

/// The 200 to PORT and EPRT.
[[nodiscard]] local_reply active_reply(data_method method);
/// The 425 if no port could be reserved.
[[nodiscard]] local_reply no_port_reply(const error& why);
/// The 227 or 229 with the advertised address and port, or a 425.
[[nodiscard]] local_reply passive_reply(data_method method, const result<endpoint>& advertised);

}  // namespace sallyport::proto
