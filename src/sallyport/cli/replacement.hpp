#pragma once
// Replacing the program of a daemon while it works (G6): the new one is started with the listening sockets; once it is ready
// the old one takes no more connections, lets what runs come to its end, and goes.
//
// On the first loop.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/cli/handover.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::cli {

class replacement {
public:
    struct parts {
        std::function<estate()> left;                                     // to the successor
        std::function<void(std::move_only_function<void()> gone)> leave;  // no more connections; told when all have ended
        std::function<void()> replaced;                                   // the successor is ready
        std::function<void(unique_fd connection)> take;                   // that belongs to a session here; may be empty
    };
    /// `drain`: what still runs after this is ended as at SIGTERM.
    replacement(daemon& host, parts p, std::chrono::seconds drain);

    /// For the control socket. Where the successor does not become ready, all stays as it was, and the error says why.
    [[nodiscard]] net::task<result<std::string>> replace();
    /// For SIGUSR2: the same goes to the log.
    void replace_by_signal();

private:
    [[nodiscard]] net::task<result<int>> start();
    static net::task<> log_outcome(replacement* self);
    static net::task<> end_drain(replacement* self);
    static net::task<> take_back(replacement* self, std::shared_ptr<net::descriptor> line);

    daemon& host_;
    parts parts_;
    std::chrono::seconds drain_;
    const std::string program_ = own_program();
    enum class stage : std::uint8_t { usual, starting, replaced } stage_ = stage::usual;
};

/// In the successor: calls `gone` when that one has come to its end.
void watch_predecessor(daemon& host, std::function<void()> gone);

}  // namespace sallyport::cli
