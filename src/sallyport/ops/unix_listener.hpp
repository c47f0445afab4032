#pragma once
// A listening Unix-domain socket with a name in the file system: the control socket, and others for this machine alone.
//
// Owned by who accepts on it; used on its loop's thread, or before the loops run. The loop must outlive it. An error names
// the socket, its cause and the next step.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::ops {

/// Where a socket is, and who may connect to it: those who may write to its file.
struct socket_place {
    std::string path{};
    // Nothing: the group of this process.
    std::optional<gid_t> group{};
    mode_t mode = 0600;
    friend bool operator==(const socket_place&, const socket_place&) = default;
};

class unix_listener {
public:
    /// `what`: for errors, "control socket". The file appears with its group and mode at once. The socket of a process that
    /// has exited is replaced. If a running process listens there, the error is errc::exists, unless `takes_over` is set.
    [[nodiscard]] static result<std::unique_ptr<unix_listener>> open(net::loop& loop, std::string_view what,
                                                                     const socket_place& at, bool takes_over = false);
    /// Like close().
    ~unix_listener() { close(); }
    unix_listener(const unix_listener&) = delete;
    unix_listener& operator=(const unix_listener&) = delete;

    /// The next connection; none once the listener is closed. The listener must outlive the wait.
    [[nodiscard]] net::task<unique_fd> accept();
    /// Stops listening, and removes the file if it is still the one that this object has created.
    void close() noexcept;

private:
    /// Identifies the file at a path, so that the socket of another daemon is never removed.
    struct file_identity {
        dev_t device = 0;
        ino_t inode = 0;
        friend bool operator==(const file_identity&, const file_identity&) = default;
    };
    [[nodiscard]] static file_identity identity_of(const std::string& path) noexcept;

    unix_listener(net::loop& loop, unique_fd fd, std::string path)
        : loop_(loop), socket_(loop, std::move(fd)), path_(std::move(path)), created_file_(identity_of(path_)) {}

    net::loop& loop_;
    net::descriptor socket_;
    const std::string path_;
    const file_identity created_file_;
};

/// The user at the other end of a connection, from the kernel.
[[nodiscard]] std::optional<uid_t> peer_user(int connection) noexcept;

}  // namespace sallyport::ops
