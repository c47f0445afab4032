#pragma once
// The door for whoever runs the daemon: a Unix-domain socket that only its user may open, a request a line, an answer a
// line. What the lines mean is the daemon's business.
//
// On one loop, by coroutines like any session, so it never waits for anybody. Loop thread, or before the loops run. The loop
// must outlive it.

#include <functional>
#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::front {

class control_socket {
public:
    using answerer = std::function<net::task<std::string>(std::string request)>;

    /// Makes the socket at `path`, mode 0600. What a dead daemon left there is replaced; where a living one answers:
    /// errc::exists, unless `succeed` says that we take its place.
    [[nodiscard]] static result<control_socket> open(net::loop& home, const std::string& path, answerer answer,
                                                     bool succeed = false);
    /// Takes no more requests, and removes the socket if it is still ours.
    ~control_socket();
    control_socket(control_socket&&) noexcept;
    control_socket& operator=(control_socket&&) = delete;

private:
    struct impl;
    explicit control_socket(std::shared_ptr<impl> i) noexcept : impl_(std::move(i)) {}
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::front
