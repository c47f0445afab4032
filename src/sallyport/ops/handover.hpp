#pragma once
// The handover of listening sockets to a process at its start, by a service manager or by the old process, in the format of
// systemd (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES). Socket activation and graceful restart therefore use
// the same code.
//
// An old process also hands over the names of the backends that are down, and a connection. On that connection the new
// process reports that it is ready, or why it cannot start, and later returns client connections. It is one of the sockets
// and is identified by its name. The old process closes nothing before the new one is ready, so no connection is refused in
// between.
//
// This is the side of the new process; the helper process starts it (helper/successor.hpp).
//
// Call receive_handover() once, before threads are started. The caller owns the results.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {

/// The old process in a graceful restart, as the new one sees it. False if there is none; then its functions have no effect.
/// Any thread.
class old_process {
public:
    explicit old_process(unique_fd connection = {}) noexcept : connection_(std::move(connection)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(connection_); }
    /// Notifies the old process that this one is ready, so that it stops accepting. Call this or notify_failure(), once.
    void notify_ready() const { notify("ready"); }
    /// Sends the reason why this process cannot start, as one line; the old process continues.
    void notify_failure(std::string_view line) const { notify(line); }
    /// Returns a connection that belongs to one of the sessions of the old process. False if that process has exited, or
    /// cannot take it at present.
    [[nodiscard]] bool return_connection(int connection) const;
    /// A copy of the connection: reading from it ends when the old process exits.
    [[nodiscard]] unique_fd copy() const;

private:
    void notify(std::string_view line) const;
    unique_fd connection_;
};

struct handed_socket {
    unique_fd fd;
    // The service manager's name for it, such as "ftp.socket"; may be empty.
    std::string name;
};

/// The state that is handed over, as both processes see it.
struct handover_state {
    std::vector<handed_socket> sockets;
    // Names without blanks of the backends that are down.
    std::vector<std::string> down;
    // The sender of this state; not handed over itself.
    old_process from{};
};

/// Empty if this process was started without a handover. The variables are removed from the environment.
[[nodiscard]] handover_state receive_handover();

/// Receives a connection sent by old_process::return_connection(). errc::busy: none has arrived yet; errc::closed: the
/// connection has ended.
[[nodiscard]] result<unique_fd> receive_returned(int connection);

/// Those of the handed-over sockets that are listening TCP sockets. The others are closed and logged.
[[nodiscard]] std::vector<unique_fd> listening_sockets(std::vector<handed_socket> all);

}  // namespace sallyport::ops
