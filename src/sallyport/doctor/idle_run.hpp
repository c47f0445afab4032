#pragma once
// Measures how long an idle control connection lives, with several sessions at the same time: idle ones for growing times,
// one with TCP keepalive and one with NOOP. On the loop's thread; the arguments must outlive the run.

#include <functional>
#include <string_view>

#include <sallyport/client/connection.hpp>
#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::doctor {

struct idle_settings {
    client::connection_options how;
    client::server_address server;
    client::credentials login;
    /// The longest silence.
    std::chrono::seconds longest{};
    std::function<void(std::string_view)> on_step;
};

/// Adds to facts::idle. At most six sessions; fewer, with a note, if the server does not admit them.
net::task<> measure_idle(net::loop& loop, net::worker_pool& pool, const idle_settings& settings, diagnosis::facts& into);

}  // namespace sallyport::doctor
