#include <sallyport/ops/graceful_restart.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

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

}  // namespace

graceful_restart::graceful_restart(daemon& host, callbacks p, std::chrono::seconds drain_timeout, std::string program)
    : host_(host), callbacks_(std::move(p)), drain_timeout_(drain_timeout), program_(std::move(program)) {}

net::task<result<int>> graceful_restart::start() {
    const auto state = callbacks_.state();
    if (!state) co_return std::unexpected(state.error());
    auto started = start_new_process(program_, *state);
    if (!started) co_return std::unexpected(started.error());
    const auto connection = std::make_shared<net::descriptor>(host_.loops().at(0), std::move(started->connection));
    const auto line = co_await read_line(connection, net::clock::now() + limits::restart_timeout);
    if (line == "ready\n") {
        net::keep_running(host_.loops().at(0), "returned connections",
                          [this, connection] { return accept_returned(this, connection); });
        co_return started->pid;
    }
    ::kill(started->pid, SIGKILL);
    auto reap = [pid = started->pid] {
        int status = 0;
        ::waitpid(pid, &status, 0);
        return status;
    };
    (void)co_await net::offload(host_.disk(), host_.loops().at(0), std::move(reap));
    const auto reason = line.empty() ? std::string("the new process exited or was not ready in time, and gave no reason")
                                     : escape(std::string_view(line).substr(0, line.find('\n')));
    co_return fail(errc::rejected, fmt::format("restart failed, the running process continues: {}", reason));
}

net::task<result<std::string>> graceful_restart::restart() {
    if (stage_ == stage::replaced)
        co_return fail(errc::rejected, "a new process has taken over already; send the command to it");
    if (stage_ == stage::starting) co_return fail(errc::busy, "a new process is being started");
    stage_ = stage::starting;
    result<int> pid = fail_without_memory();
    try {
        pid = co_await start();
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
    callbacks_.start_draining([this] { host_.stop("all sessions have ended"); });
    boost::json::object answer{{"lines", boost::json::array{boost::json::value(line)}}, {"pid", *pid}};
    co_return boost::json::serialize(answer);
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
        if (returned.error().code != errc::busy) co_return;
        (void)co_await connection->readable(net::deadline::max());
    }
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
