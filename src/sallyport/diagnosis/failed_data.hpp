#pragma once
// The cause of one data connection that failed, as a server or gateway alone can know it: for the log and the counts of
// `serve` and `gate` (S7). The ids and the words are those of the doctor's rules (rules.hpp).
//
// A server sees that nothing arrives, and not why. So a verdict about a passive port is `possible` at most, unless an
// address shows more, and its side is undecided. Plain values and pure functions; any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/diagnosis/verdict.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::diagnosis {

enum class data_failure : std::uint8_t {
    // No connection of the peer arrived within the time limit.
    not_arrived,
    // The client sent another command, or left. Passive: no connection of it had arrived. Active: it had not answered. On
    // the
    // backend leg: the backend replied that there is no data connection.
    abandoned,
    // Forwarded by the kernel: connection requests of the peer arrived, and none was answered.
    unanswered,
    // Passive: no port could be opened.
    no_port,
    // This host connects to the peer: RST.
    refused,
    // The same: no answer within the time limit.
    timed_out,
    // The same: ICMP, or no route.
    unreachable,
    // The same: there is no local address or port to connect from.
    cannot_bind,
    // Active: PORT or EPRT was refused, as it named a private address, and the client has a public one.
    private_target,
    // The connection did not resume the TLS session of the control connection.
    not_resumed,
};

/// One data connection that failed.
struct failed_data {
    data_failure how = data_failure::not_arrived;
    proto::data_method method = proto::data_method::epsv;
    /// On a gateway's backend leg, where the gateway is the client; otherwise on the client leg.
    bool on_backend_leg = false;
    /// The peer of the control connection of that leg.
    ip_address peer;
    /// What the transfer command was, as the client sent it; empty: none was sent.
    std::string transfer{};
    /// Passive mode: what the client of the leg received, in an EPSV's case with the address that it had connected to.
    /// Active mode: what it sent.
    std::optional<endpoint> address{};
    /// From the reply or the transfer command to the failure.
    std::chrono::milliseconds waited{};
    /// Other addresses that connected to the port.
    std::vector<ip_address> others{};
    /// What else is known; may be empty.
    std::string detail{};
};

/// The id, with confidence, side and evidence.
[[nodiscard]] verdict judge(const failed_data& seen);

/// One line for the log: what failed, then the cause as far as it is known. The id is in brackets, to search for.
[[nodiscard]] std::string log_line(const failed_data& seen, const verdict& found);

}  // namespace sallyport::diagnosis
