#pragma once
// Several passive negotiations in one session, each with a connection to the port that the server names: what tells ports
// that are blocked from failures by chance, by rate, and from a range that is used up.
//
// It adds to the facts and never fails. On the loop's thread; the arguments must outlive the call.

#include <functional>
#include <string_view>

#include <sallyport/client/connection.hpp>
#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/doctor/path_probe.hpp>

namespace sallyport::doctor {

struct round_settings {
    client::connection_options how;
    client::server_address server;
    client::credentials login;
    proto::data_method method = proto::data_method::epsv;
    unsigned rounds = 0;
    /// Called with what is done next; may be empty.
    std::function<void(std::string_view)> on_step;
};

/// Adds to facts::rounds, and a note if the server admits no further session or names fewer ports.
net::task<> compare_ports(net::loop& loop, const round_settings& settings, diagnosis::facts& into);

/// The path to a port that has failed twice in these rounds while others worked, unless a path that breaks is known already.
net::task<> trace_failing_port(path_probe probe, diagnosis::facts& into);

}  // namespace sallyport::doctor
