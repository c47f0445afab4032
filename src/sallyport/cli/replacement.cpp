#include <sallyport/cli/replacement.hpp>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::cli {
namespace {

/// What comes from the other process until its line ends or it is gone.
net::task<std::string> read_line(std::shared_ptr<net::descriptor> from, net::deadline until) {
    std::string text;
    std::array<char, 512> block;
    while (!text.ends_with('\n')) {
        const auto n = ::recv(from->get(), block.data(), block.size(), MSG_DONTWAIT);
        if (n == 0) break;
        if (n > 0) {
            text.append(block.data(), static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            const auto end = co_await from->readable(until);
            if (end != net::wait_end::ready) break;
        } else if (errno != EINTR) {
            break;
        }
    }
    co_return text;
}

net::task<> wait_for_end(std::shared_ptr<net::descriptor> line, std::function<void()> gone) {
    (void)co_await read_line(line, net::deadline::max());
    log::info({}, "The predecessor has come to its end");
    gone();
}

}  // namespace

replacement::replacement(daemon& host, parts p, std::chrono::seconds drain)
    : host_(host), parts_(std::move(p)), drain_(drain) {}

net::task<result<int>> replacement::start() {
    auto started = start_successor(program_, parts_.left());
    if (!started) co_return std::unexpected(started.error());
    const auto line = std::make_shared<net::descriptor>(host_.loops().at(0), std::move(started->line));
    const auto said = co_await read_line(line, net::clock::now() + limits::replacement_start);
    if (said == "ready\n") {
        host_.loops().at(0).spawn("what the successor gives back", take_back(this, line));
        co_return started->pid;
    }
    ::kill(started->pid, SIGKILL);
    auto reap = [pid = started->pid] {
        int status = 0;
        ::waitpid(pid, &status, 0);
        return status;
    };
    (void)co_await net::offload(host_.disk(), host_.loops().at(0), std::move(reap));
    const auto why = said.empty() ? std::string("it ended, or was not ready in time, and did not say why")
                                  : escape(std::string_view(said).substr(0, said.find('\n')));
    co_return fail(errc::rejected, fmt::format("the new program did not start, this one goes on: {}", why));
}

net::task<result<std::string>> replacement::replace() {
    if (stage_ == stage::replaced) co_return fail(errc::rejected, "a successor has taken over already; ask that one");
    if (stage_ == stage::starting) co_return fail(errc::busy, "a successor is being started");
    stage_ = stage::starting;
    const auto pid = co_await start();
    stage_ = pid ? stage::replaced : stage::usual;
    if (!pid) {
        log::error({}, fmt::format("Replacement: {}", pid.error().text()));
        co_return std::unexpected(pid.error());
    }
    const auto line = fmt::format("process {} has taken over; process {} ends when its sessions have, after {} s at most",
                                  *pid, ::getpid(), drain_.count());
    log::info({}, fmt::format("Replacement: {}", line));
    parts_.replaced();
    host_.loops().at(0).spawn("end of the drain", end_drain(this));
    parts_.leave([this] { host_.stop("all sessions have ended"); });
    boost::json::object answer{{"lines", boost::json::array{boost::json::value(line)}}, {"pid", *pid}};
    co_return boost::json::serialize(answer);
}

/// Keeps the line for the life of this process: its end tells the successor that we are gone.
net::task<> replacement::take_back(replacement* self, std::shared_ptr<net::descriptor> line) {
    for (;;) {
        auto connection = take_passed(line->get());
        if (connection) {
            if (self->parts_.take) self->parts_.take(std::move(*connection));
            continue;
        }
        if (connection.error().code != errc::busy) co_return;
        (void)co_await line->readable(net::deadline::max());
    }
}

net::task<> replacement::log_outcome(replacement* self) { (void)co_await self->replace(); }

void replacement::replace_by_signal() { host_.loops().at(0).spawn("replacement", log_outcome(this)); }

net::task<> replacement::end_drain(replacement* self) {
    co_await self->host_.loops().at(0).sleep_for(self->drain_);
    self->host_.stop("the time for sessions to end is over");
}

void watch_predecessor(daemon& host, std::function<void()> gone) {
    auto line = predecessor_line();
    if (!line) return;
    auto& home = host.loops().at(0);
    home.spawn("predecessor", wait_for_end(std::make_shared<net::descriptor>(home, std::move(line)), std::move(gone)));
}

}  // namespace sallyport::cli
