#pragma once
// Test support: runs work on a pool of connections with a server of tests/support, on a loop of its own, until it ends.
// Header for tests only; the values live as long as the call.

#include <functional>
#include <string>
#include <utility>

#include <sallyport/client/pool.hpp>
#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {

inline pool_settings quick_pool(std::size_t connections) {
    pool_settings out;
    out.connections = connections;
    out.pause = 20ms;
    out.session_options = [](net::loop& /*l*/) { return quick(); };
    return out;
}

using pool_work = std::function<net::task<>(pool&)>;

inline net::task<> work_and_close(pool& connections, const pool_work& work) {
    co_await work(connections);
    co_await connections.close();
}

/// Returns the limit that the pool has found; `learned` receives the rest.
inline std::size_t with_pool(const std::string& site, pool_settings settings, const pool_work& work,
                             site_facts* learned = nullptr) {
    net::loop_group loops(1);
    pool connections(loops.at(0), *url::parse(site), std::move(settings));
    loops.run_until_done(work_and_close(connections, work));
    if (learned != nullptr) *learned = connections.learned();
    return connections.limit();
}

}  // namespace sallyport::client
