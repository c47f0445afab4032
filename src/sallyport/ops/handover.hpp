#pragma once
// What a process is handed at its start: listening sockets, as systemd hands them (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID,
// LISTEN_FDNAMES), from a service manager or from the process whose place it takes. So socket activation and a graceful
// restart are one thing.
//
// An old process hands over two things more: names of what it found to be down, and a connection, on which the new process
// says that it is ready or why it isn't, and later returns connections. That connection is one of the sockets, by its name.
// Nothing is closed before the new process is ready, so no connection is refused in between.
//
// receive_handover() once, before threads are started. start_new_process() on any thread. Owned by the caller.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {

/// The process whose place this one takes; false if there is none, and then nothing happens. Any thread.
class old_process {
public:
    explicit old_process(unique_fd connection = {}) noexcept : connection_(std::move(connection)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(connection_); }
    /// Tells it that we are ready, so that it stops accepting. Once, or the other.
    void notify_ready() const { notify("ready"); }
    /// Tells it why we can't start, as one line; it continues.
    void notify_failure(std::string_view line) const { notify(line); }
    /// Gives it a connection that belongs to one of its sessions. False if it is gone, or can take none now.
    [[nodiscard]] bool return_connection(int connection) const;
    /// A copy of the connection: reading from it ends when the old process has ended.
    [[nodiscard]] unique_fd copy() const;

private:
    void notify(std::string_view line) const;
    unique_fd connection_;
};

struct handed_socket {
    unique_fd fd;
    std::string name;  // of the service manager's, such as "ftp.socket"; may be empty
};

/// Of both sides.
struct handover_state {
    std::vector<handed_socket> sockets;
    std::vector<std::string> down;  // names without blanks
    old_process from{};             // not to be handed over
};

/// Nothing if this process was started without any. The variables are removed from the environment.
[[nodiscard]] handover_state receive_handover();

struct new_process {
    int pid = 0;
    unique_fd connection;  // non-blocking
};

/// Starts `program` with the arguments that this process was started with, and hands it copies of `state`. If the program
/// can't be executed, that comes as a failure on the connection.
[[nodiscard]] result<new_process> start_new_process(const std::string& program, const handover_state& state);

/// The other end of old_process::return_connection(). errc::busy: there is none now; errc::closed: there will be none.
[[nodiscard]] result<unique_fd> receive_returned(int connection);

/// Where this program was installed when it was started: a new one will be there under the same name.
[[nodiscard]] std::string program_path();

/// Of the sockets that were handed over those that are listening TCP sockets; the log names the others, which are closed.
[[nodiscard]] std::vector<unique_fd> listening_sockets(std::vector<handed_socket> all);

}  // namespace sallyport::ops
