#pragma once
// A listening TCP socket on one loop. Several loops may listen on one endpoint (SO_REUSEPORT); the kernel spreads.

#include <cstdint>
#include <memory>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

/// A connection as the listener hands it out: not yet tied to a loop, so it may be passed to another one.
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
    /// errc::exhausted where the port is taken by another program, errc::permission below 1024 without the right.
    [[nodiscard]] static result<listener> open(loop& l, const endpoint& at, listen_options options = {});
    /// The same without a loop yet, on any thread.
    [[nodiscard]] static result<unique_fd> bind(const endpoint& at, listen_options options = {});
    /// A socket that listens already: by bind(), or from a service manager or an old process.
    [[nodiscard]] static listener adopt(loop& l, unique_fd socket);
    ~listener();
    listener(listener&&) noexcept;
    listener& operator=(listener&&) noexcept;

    [[nodiscard]] int native_handle() const noexcept;
    [[nodiscard]] endpoint local() const;  // with the port that the system chose, where 0 was asked for

    /// The next connection. Errors of the moment (a peer gone already, no descriptors left) are survived with a short
    /// pause and counted in the log; only close() ends the wait, with errc::cancelled (RX-02).
    task<result<accepted_connection>> accept();
    /// With a deadline: errc::timeout.
    task<result<accepted_connection>> accept(time_limit limit);
    void close() noexcept;

private:
    listener();
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::net
