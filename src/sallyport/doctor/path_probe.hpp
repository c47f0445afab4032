#pragma once
// Measures the path to the server: the control port first, then a data port that the server has just named. On the loop's
// thread; the arguments must outlive the calls. A trace fails as a whole if this computer cannot send a SYN.

#include <sallyport/client/connection.hpp>
#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::doctor {

struct path_probe {
    net::loop& loop;
    /// The probes block, so they run here.
    net::worker_pool& pool;
    /// The two ends of the control connection.
    endpoint local;
    endpoint server;
};

/// SYNs to the control port in groups of three, until one arrives: at most three do, and they are closed before the
/// greeting.
net::task<result<diagnosis::path_trace>> trace_control(path_probe probe);

/// SYNs to another port of the server, 990 or 21, from the TTL on at which `control` opened: as long as they expire, the
/// control port was opened by a proxy nearer than the server. One SYN if there is none.
net::task<result<diagnosis::path_trace>> trace_other_port(path_probe probe, const diagnosis::path_trace& control);

/// SYNs to the port that `attempt` names. A hop that does not answer is tried again with a port of its own, as one SYN that
/// expires may use up the opening that a helper has made. `reference` is the trace that reaches the server: of the control
/// port or, behind a proxy, of another port; it loses the answers of hops that do not repeat them. `session` is idle and
/// logged in; nullptr: it is about this port, so no other one is negotiated.
net::task<result<diagnosis::path_trace>> trace_data(path_probe probe, client::connection* session,
                                                    diagnosis::method_facts attempt, diagnosis::path_trace& reference);

/// The server's address with the port that its reply to EPSV or PASV names; nothing if it names none that can be used.
[[nodiscard]] std::optional<endpoint> data_endpoint_in(const proto::reply& reply, const client::connection& session,
                                                       proto::data_method method);

/// One connection from this address, if both are of the same family; it is closed at once.
net::task<diagnosis::method_result> connect_once(net::loop& loop, ip_address from, endpoint to,
                                                 std::chrono::milliseconds wait);

/// Sends EPSV or PASV. Nothing if the server refuses it; the address is the server's.
net::task<std::optional<endpoint>> negotiate(client::connection& session, proto::data_method method);

}  // namespace sallyport::doctor
