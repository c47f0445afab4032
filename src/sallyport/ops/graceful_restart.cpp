#include <sallyport/ops/graceful_restart.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::ops {
namespace {

// The time from the end of the new process's connection to its exit, and between two requests for its status.
constexpr auto exit_time = std::chrono::seconds(5);
constexpr auto status_interval = std::chrono::milliseconds(10);

/// Reads one line from the other process. The line is incomplete if that process exits, or at the deadline.
net::task<std::string> read_line(std::shared_ptr<net::descriptor> from, net::deadline until) {
    std::string text;
    std::array<char, 512> block;
    while (!text.ends_with('\n') && text.size() < limits::max_control_request) {
        const auto n = ::recv(from->get(), block.data(), block.size(), MSG_DONTWAIT);
        if (n == 0) break;
        if (n > 0) {
            text.append(block.data(), static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            const auto end = co_await from->readable(until);
            if (end != net::wait_result::ready) break;
        } else if (errno != EINTR) {
            break;
        }
    }
    co_return text;
}

net::task<> wait_for_exit(std::shared_ptr<net::descriptor> connection, std::function<void()> ended) {
    (void)co_await read_line(connection, net::deadline::max());
    log::info({}, "The old process has exited");
    ended();
}

[[nodiscard]] std::string text_of(int status) {
    return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                               : fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

graceful_restart::graceful_restart(daemon& host, helper::client& starter, callbacks p, std::chrono::seconds drain_timeout)
    : host_(host), helper_(starter), callbacks_(std::move(p)), drain_timeout_(drain_timeout) {}

/// `listening`: this process still does.
net::task<result<int>> graceful_restart::start(bool listening) {
    const auto state = callbacks_.state(listening);
    if (!state) co_return std::unexpected(state.error());
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        co_return fail_os(errno, "socketpair");
    const auto connection = std::make_shared<net::descriptor>(host_.loops().at(0), unique_fd(ends[0]));
    unique_fd their_end(ends[1]);
    ::fcntl(their_end.get(), F_SETFL, 0);
    std::vector<int> sockets;
    for (const auto& socket : state->sockets) sockets.push_back(socket.fd.get());
    const auto pid = helper_.start_successor(sockets, state->down, their_end.get());
    if (!pid) co_return pid;
    their_end.reset();
    const auto line = co_await read_line(connection, net::clock::now() + limits::restart_timeout);
    if (line == "ready\n") {
        net::keep_running(host_.loops().at(0), "returned connections",
                          [this, connection] { return accept_returned(this, connection); });
        co_return *pid;
    }
    helper_.end_successor();
    (void)co_await wait_for_status();
    const auto reason = line.empty() ? std::string("the new process exited or was not ready in time, and gave no reason")
                                     : escape(std::string_view(line).substr(0, line.find('\n')));
    co_return fail(errc::rejected, fmt::format("restart failed, the running process continues: {}", reason));
}

/// The wait status of the new process; empty if it still runs, or if its status is unknown.
net::task<std::optional<int>> graceful_restart::wait_for_status() {
    const auto until = net::clock::now() + exit_time;
    for (;;) {
        const auto status = helper_.successor_status();
        if (!status) co_return std::nullopt;
        if (*status || net::clock::now() >= until) co_return *status;
        co_await host_.loops().at(0).sleep_for(status_interval);
    }
}

net::task<result<std::string>> graceful_restart::restart() {
    if (stage_ == stage::replaced)
        co_return fail(errc::rejected, "a new process has taken over already; send the command to it");
    if (stage_ == stage::starting) co_return fail(errc::busy, "a new process is being started");
    stage_ = stage::starting;
    result<int> pid = fail_without_memory();
    try {
        pid = co_await start(true);
    } catch (...) {
        net::log_exception("restart", std::current_exception());
    }
    stage_ = pid ? stage::replaced : stage::idle;
    if (!pid) {
        log::error({}, fmt::format("Restart: {}", pid.error().text()));
        co_return std::unexpected(pid.error());
    }
    const bool bounded = drain_timeout_ < std::chrono::years(1);
    const auto drain = bounded ? fmt::format(", within {} s", drain_timeout_.count()) : std::string();
    const auto line =
        fmt::format("process {} has taken over; process {} exits when its sessions have ended{}", *pid, ::getpid(), drain);
    log::info({}, fmt::format("Restart: {}", line));
    callbacks_.replaced();
    host_.loops().at(0).spawn("drain timeout", stop_after_drain_timeout(this));
    callbacks_.start_draining([this] {
        drained_ = true;
        stop_if_drained();
    });
    boost::json::object answer{{"lines", boost::json::array{boost::json::value(line)}}, {"pid", *pid}};
    co_return boost::json::serialize(answer);
}

/// This process exits with its last session, but only while the new one serves.
void graceful_restart::stop_if_drained() {
    if (drained_ && !starting_again_) host_.stop("all sessions have ended");
}

/// Receives returned connections, and keeps the connection to the new process open until this process exits, which the new
/// process notices by its end.
net::task<> graceful_restart::accept_returned(graceful_restart* self, std::shared_ptr<net::descriptor> connection) {
    for (;;) {
        auto returned = receive_returned(connection->get());
        if (returned) {
            if (self->callbacks_.accept_returned) self->callbacks_.accept_returned(std::move(*returned));
            continue;
        }
        if (returned.error().code != errc::busy) break;
        (void)co_await connection->readable(net::deadline::max());
    }
    co_await self->start_again();
}

/// The new process has closed its connection. If it has failed, it is started again, since no process accepts connections.
net::task<> graceful_restart::start_again() {
    const auto status = co_await wait_for_status();
    if (!status || (WIFEXITED(*status) && WEXITSTATUS(*status) == 0)) co_return;
    log::error({}, fmt::format("Restart: the new process failed ({}); starting it again", text_of(*status)));
    starting_again_ = true;
    std::chrono::milliseconds delay = limits::first_restart_delay;
    for (int i = 0; i < limits::restart_attempts; ++i) {
        co_await host_.loops().at(0).sleep_for(delay);
        const auto pid = co_await start(false);
        if (pid) {
            log::info({}, fmt::format("Restart: process {} has taken over", *pid));
            break;
        }
        log::error({}, fmt::format("Restart: {}", pid.error().text()));
        delay = std::min<std::chrono::milliseconds>(delay * 2, limits::max_restart_delay);
    }
    starting_again_ = false;
    stop_if_drained();
}

net::task<> graceful_restart::log_outcome(graceful_restart* self) { (void)co_await self->restart(); }

void graceful_restart::restart_by_signal() { host_.loops().at(0).spawn("restart", log_outcome(this)); }

net::task<> graceful_restart::stop_after_drain_timeout(graceful_restart* self) {
    co_await self->host_.loops().at(0).sleep_for(self->drain_timeout_);
    self->host_.stop("the drain timeout has expired");
}

void watch_old_process(daemon& host, const old_process& old, std::function<void()> ended) {
    auto connection = old.copy();
    if (!connection) return;
    auto& loop = host.loops().at(0);
    loop.spawn("old process",
               wait_for_exit(std::make_shared<net::descriptor>(loop, std::move(connection)), std::move(ended)));
}

}  // namespace sallyport::ops
