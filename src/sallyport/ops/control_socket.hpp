#pragma once
// The control socket of a daemon: a Unix-domain socket for those who may write to its file, by default its user alone. A
// request is one line, and so is its answer. The caller defines their content (control.hpp).
//
// Served by coroutines on one event loop, so it does not block. Used on that loop's thread, or before the loops run. The
// loop must outlive it.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/ops/unix_listener.hpp>

namespace sallyport::ops {

class control_socket {
public:
    /// `user`: who asks, if the kernel knows.
    using request_handler = std::function<net::task<std::string>(std::string request, std::optional<uid_t> user)>;

    /// The socket of a process that has exited is replaced. If a running process listens there, the error is errc::exists,
    /// unless `takes_over` is set.
    /// `what`: for errors, "control socket".
    [[nodiscard]] static result<control_socket> open(net::loop& loop, std::string_view what, const socket_place& at,
                                                     request_handler handler, bool takes_over = false);
    /// Stops accepting requests, and removes the socket file if it is still the one that this object created.
    ~control_socket();
    control_socket(control_socket&&) noexcept;
    control_socket& operator=(control_socket&&) = delete;

private:
    struct impl;
    explicit control_socket(std::shared_ptr<impl> i) noexcept : impl_(std::move(i)) {}
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::ops
