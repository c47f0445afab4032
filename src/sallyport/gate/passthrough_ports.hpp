#pragma once
// Data connections of sessions whose TLS passes through unread (G10, GW-06): a fixed range for each backend, listened on
// here and leading to the same port there.
//
// What the backend says is encrypted, so nobody knows which port a session was told; but the port says which backend, and
// the client's address whether it has a session there. Others are closed at once and counted.
//
// A successor listens on its predecessor's sockets, and passes on whom it does not know: the predecessor's sessions go on
// there, with their data.
//
// use() before the loops run, or on the first one; admit() on any thread. The loops and the counters must outlive it.

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
    /// One client address at one backend, let through for as long as one of its sessions holds this.
    class passthrough_client {
    public:
        /// Data connections that are open.
        [[nodiscard]] int running() const noexcept { return running_; }
        /// When the last one ended.
        [[nodiscard]] net::deadline last_end() const noexcept { return net::deadline(net::clock::duration(last_end_)); }

    private:
        friend class passthrough_ports;
        std::atomic<int> running_{0};
        std::atomic<net::clock::rep> last_end_{0};
    };

    passthrough_ports(net::loop_group& loops, status::counters& counters);

    /// From now on listens on every port of each backend's range, at the addresses of `listen`, and gives up others, where
    /// no guest is left. Changes nothing where it fails; the error names the port.
    [[nodiscard]] result<void> apply(const settings& config);
    /// `server`: the address that the session's control connection goes to; data go there too.
    [[nodiscard]] std::shared_ptr<passthrough_client> admit(const backend& at, const ip_address& server,
                                                            const ip_address& client);
    /// Closes all listeners.
    void stop();

    // Succession. The first two before use(), the others on the first loop.
    void inherit(unique_fd socket);
    /// Any loop's thread: false where the connection could not be passed on.
    void set_return_handler(std::function<bool(int connection)> to_old_process);
    [[nodiscard]] std::vector<int> sockets() const;
    /// What the successor has passed on.
    void accept_returned(unique_fd connection);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::gate
