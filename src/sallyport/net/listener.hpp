#pragma once
// A listening TCP socket on one event loop. Several loops can listen on one endpoint (SO_REUSEPORT); the kernel distributes
// the connections.
//
// Owns the socket; must not outlive its loop. Loop thread only, except for bind().

#include <cstdint>
#include <memory>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

/// An accepted connection. It is not registered with a loop yet, so it can be passed to another one.
struct accepted_connection {
    unique_fd socket;
    endpoint local;
    endpoint peer;
};

struct listen_options {
    bool reuse_port = false;
    int backlog = 1024;
};

class listener {
public:
    /// Errors: errc::busy if the port is in use, errc::permission for a port below 1024 without the privilege.
    [[nodiscard]] static result<listener> open(loop& l, const endpoint& at, listen_options options = {});
    /// Opens the socket without a loop, on any thread.
    [[nodiscard]] static result<unique_fd> bind(const endpoint& at, listen_options options = {});
    /// Takes over a listening socket: from bind(), a service manager or the old process.
    [[nodiscard]] static listener adopt(loop& l, unique_fd socket);
    ~listener();
    listener(listener&&) noexcept;
    listener& operator=(listener&&) noexcept;

    [[nodiscard]] int native_handle() const noexcept;
    /// The local endpoint, with the port that the system chose if 0 was requested.
    [[nodiscard]] endpoint local() const;

    /// Waits for the next connection. After a temporary error, such as a lack of descriptors, it logs the error and tries
    /// again after a short pause; only close() ends the wait, with errc::cancelled (RX-02).
    task<result<accepted_connection>> accept();
    /// The same with a time limit: errc::timeout.
    task<result<accepted_connection>> accept(time_limit limit);
    void close() noexcept;

private:
    listener();
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::net
