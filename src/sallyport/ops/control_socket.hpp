#pragma once
// The control socket of a daemon: a Unix-domain socket that only its user may open. One line is a request, and the answer is
// one line too. What the lines mean is up to the caller (control.hpp).
//
// On one loop, by coroutines like any session, so it blocks nothing. Loop thread, or before the loops run. The loop
// must outlive it.

#include <functional>
#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::ops {

class control_socket {
public:
    using request_handler = std::function<net::task<std::string>(std::string request)>;

    /// Makes the socket at `path`, mode 0600. The socket of a process that has ended is replaced; if a running one answers
    /// there: errc::exists, unless `replaces` says that this process takes its place.
    [[nodiscard]] static result<control_socket> open(net::loop& loop, const std::string& path, request_handler handler,
                                                     bool takes_over = false);
    /// Takes no more requests, and removes the socket if it is still ours.
    ~control_socket();
    control_socket(control_socket&&) noexcept;
    control_socket& operator=(control_socket&&) = delete;

private:
    struct impl;
    explicit control_socket(std::shared_ptr<impl> i) noexcept : impl_(std::move(i)) {}
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::ops
