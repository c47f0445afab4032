#pragma once
// Data connections of sessions with TLS passthrough (G10, GW-06): the gateway listens on a fixed port range for each backend
// and forwards each connection to the same port of the backend.
//
// The backend's replies are encrypted, so the port that was advertised to a session is not known. The port identifies the
// backend, and the client's address must have a session there. Connections from unexpected peers are closed and counted.
//
// After a graceful restart the new process listens on the sockets of the old one, and returns connections of clients that it
// does not know: sessions of the old process continue there, with their data.
//
// The shared state of the gateway owns this; the loops and the counters must outlive it. apply() before the loops run, or on
// the first loop; admit() on any thread.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::gate {

class passthrough_ports {
public:
    /// A client address with a session at one backend. Its data connections are accepted as long as a session holds this.
    class passthrough_client {
    public:
        /// Number of open data connections.
        [[nodiscard]] int running() const noexcept { return running_; }
        /// When the last one was closed.
        [[nodiscard]] net::deadline last_end() const noexcept { return net::deadline(net::clock::duration(last_end_)); }

    private:
        friend class passthrough_ports;
        std::atomic<int> running_{0};
        std::atomic<net::clock::rep> last_end_{0};
    };

    passthrough_ports(net::loop_group& loops, status::counters& counters);

    /// Listens on every port of each backend's range, at the addresses of the listeners, and closes other ports that no
    /// client uses. After an error nothing has changed; it names the port.
    [[nodiscard]] result<void> apply(const settings& config);
    /// Accepts data connections of this client. `server`: the address of the session's control connection, used for data
    /// too.
    [[nodiscard]] std::shared_ptr<passthrough_client> admit(const backend& at, const ip_address& server,
                                                            const ip_address& client);
    /// Closes all listeners.
    void stop();

    // Graceful restart. The first two before apply(), the others on the first loop.
    void inherit(unique_fd socket);
    /// The handler returns a connection to the old process; false if that failed. It is called on any loop.
    void set_return_handler(std::function<bool(int connection)> to_old_process);
    [[nodiscard]] std::vector<int> sockets() const;
    /// Handles a connection that the new process has returned.
    void accept_returned(unique_fd connection);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::gate
