#pragma once
// What a daemon that has given up its rights asks of its helper process, which kept them (helper/client.hpp): files and
// ports that the system refuses to this process.
//
// The interface is used on any thread. use_helper_process() is called before any thread is started. The command owns the
// object; a caller shares it until it has the reply, since the thread of a log may run longer than the command.

#include <memory>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport {

class helper_process {
public:
    helper_process() = default;
    helper_process(const helper_process&) = delete;
    helper_process& operator=(const helper_process&) = delete;
    virtual ~helper_process() = default;

    /// Opens a file that the configuration named at the start, to be read, or to be appended to. The error text names the
    /// file and the next step.
    [[nodiscard]] virtual result<unique_fd> open_file(const std::string& path, bool append) = 0;
    /// Binds a new TCP socket to a port that the configuration named at the start for passive data connections.
    [[nodiscard]] virtual result<void> bind_port(int socket, const endpoint& at) = 0;
    /// Connects `data`, a new TCP socket, to `target`, which has the address of the control connection's peer, from the port
    /// below that of the control connection. The connection may still be in progress on return. errc::permission: the
    /// helper has no right to that port; errc::exhausted: not for this connection.
    [[nodiscard]] virtual result<void> connect_from_low_port(int control, int data, const endpoint& target) = 0;
};

/// The helper of this process; null if it has none, or if its owner has ended it.
[[nodiscard]] std::shared_ptr<helper_process> helper_of_this_process();
void use_helper_process(const std::shared_ptr<helper_process>& one);

}  // namespace sallyport
