#pragma once
// Starts a new process of the daemon with its listening sockets, in the format of systemd (sd_listen_fds(3)). The new
// process receives them with ops::receive_handover().
//
// A value and a function of the helper, which owns them; one thread.

#include <string>
#include <string_view>
#include <vector>

#include <csignal>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::helper {

// The environment variables of the handover.
inline constexpr auto pid_variable = "LISTEN_PID";
inline constexpr auto count_variable = "LISTEN_FDS";
inline constexpr auto names_variable = "LISTEN_FDNAMES";
// Names separated by blanks.
inline constexpr auto down_variable = "SALLYPORT_DOWN";
// The name of the connection among the sockets, and that of every other one.
inline constexpr std::string_view connection_name = "sallyport-handover";
inline constexpr std::string_view listener_name = "sallyport";
inline constexpr int first_descriptor = 3;
inline constexpr std::size_t max_sockets = 4096;
// The system limits the length of one variable to 128 KiB.
inline constexpr std::size_t max_down_backends = 256;

struct successor {
    std::vector<unique_fd> sockets;
    // The names of the backends that are down.
    std::vector<std::string> down;
};

/// Starts `program` with the arguments and the environment of this process and with `signals` as its signal mask.
/// `connection` becomes its last descriptor; if the program cannot be executed, the reason is sent on it. Returns the
/// process ID.
[[nodiscard]] result<int> start_program(const std::string& program, const successor& state, int connection,
                                        const sigset_t& signals);

}  // namespace sallyport::helper
