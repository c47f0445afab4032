#pragma once
// The helper process as the daemon uses it: a process that was forked before the daemon gave up its rights, and that
// performs a closed list of requests with them (docs/trust.md). It starts the new process of a graceful restart, so it
// exists also if the daemon has no rights.
//
// Owned by the command for the life of the daemon. start() is called before any thread is started; the other functions on
// any thread, each waits for the helper, which needs microseconds for most requests. The helper ends with the client.

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/request.hpp>
#include <sallyport/helper/service.hpp>

namespace sallyport::helper {

class client {
public:
    /// Forks the helper.
    [[nodiscard]] static result<std::unique_ptr<client>> start(permissions allowed);
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client();

    /// Starts the program with these listening sockets and with `connection`, on which it reports that it is ready, or why
    /// it cannot start. Returns its process ID.
    [[nodiscard]] result<int> start_successor(std::span<const int> sockets, std::span<const std::string> down,
                                              int connection);
    /// Kills the process that was started last.
    void end_successor();
    /// The wait status of that process; empty while it runs.
    [[nodiscard]] result<std::optional<int>> successor_status();
    /// Connects `data` to `target`, which has the address of the control connection's peer, from the port below that of the
    /// control connection. The connection may still be in progress on return. errc::permission: the helper has no right to
    /// that port; errc::exhausted: not for this connection.
    [[nodiscard]] result<void> connect_from_low_port(int control, int data, const endpoint& target);
    /// Opens a file of the permissions to be read, or a log to be appended to. The error text names the file and the next
    /// step.
    [[nodiscard]] result<unique_fd> open_file(const std::string& path, bool append);
    /// Binds a socket to a port of the permissions.
    [[nodiscard]] result<void> bind_port(int socket, const endpoint& at);

private:
    client(unique_fd channel, int pid, std::vector<permitted_file> files)
        : channel_(std::move(channel)), pid_(pid), files_(std::move(files)) {}

    struct response {
        reply text;
        unique_fd descriptor;
    };
    /// `what`: the purpose, for the error text.
    [[nodiscard]] result<response> ask(const request& r, std::span<const int> descriptors, std::string_view what);

    std::mutex mutex_;
    unique_fd channel_;
    const int pid_;
    const std::vector<permitted_file> files_;
};

/// The path of this program when it was started; a newer version is installed under the same path.
[[nodiscard]] std::string program_path();

}  // namespace sallyport::helper
