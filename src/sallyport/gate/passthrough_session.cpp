#include <sallyport/gate/passthrough_session.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::gate {
namespace {

// The end of a data connection does not wake close_when_idle(), so that it checks at this interval while stopping.
constexpr auto stop_check_interval = std::chrono::milliseconds(100);
// The same for data connections that this process has no part in: the kernel has to search for them.
constexpr auto passed_check_interval = std::chrono::seconds(5);

}  // namespace

passthrough_session::passthrough_session(std::shared_ptr<session_context> gate, net::loop& loop, client_control& client,
                                         backend_leg& backend, log_sink log)
    : gate_(std::move(gate)), loop_(loop), client_(client), backend_(backend), log_(std::move(log)), wake_(loop) {}

/// Which data ports the client can use, for the log.
net::task<std::string> passthrough_session::pass_ports() {
    constexpr auto none = "no data ports opened by this gateway";
    const auto& at = backend_.server.parameters();
    if (at.passthrough_range.first != 0) {
        forwarded_ports_ = gate_->base->passthrough.admit(at, backend_.stream.peer().address, client_.peer().address);
        co_return "data ports " + at.passthrough_range.text();
    }
    const auto* const rule = client_.interception();
    if (rule == nullptr || rule->connections.passed_ports.first == 0) co_return none;
    const auto number = static_cast<std::size_t>(rule - gate_->config.interception.rules.data());
    const firewall::control_connections session{.client = client_.stream().native_handle(),
                                                .backend = backend_.stream.native_handle()};
    auto passed =
        co_await gate_->base->passed.pass(loop_, number, session, net::time_limit::within(limits::opening_timeout));
    if (!passed) co_return fmt::format("{} ({})", none, passed.error().text());
    permitted_ports_ = std::move(*passed);
    co_return fmt::format("data ports {} of the server", rule->connections.passed_ports.text());
}

net::task<> passthrough_session::run(std::shared_ptr<const void> owner) {
    const auto ports = co_await pass_ports();
    log_(log::level::info, fmt::format("TLS passthrough between {} and {}, {}", client_.peer().text(),
                                       backend_.server.parameters().text(), ports));
    loop_.spawn("gate: passthrough", close_when_idle(*this, owner));
    const auto outcome = co_await net::relay(client_.stream(), backend_.stream, net::time_limit(), counts_);
    ended_ = true;
    wake_.set();
    permitted_ports_ = {};
    log_(log::level::info,
         fmt::format("Control connection: {} bytes to the backend, {} to the client{}", counts_.a_to_b, counts_.b_to_a,
                     outcome.result == net::relay_result::complete ? "" : ", interrupted: " + outcome.cause.text()));
}

void passthrough_session::stop() {
    stopping_ = true;
    wake_.set();
}

/// Packets have passed on data connections that cross this machine since the last call. If the kernel takes too long, that
/// is assumed.
net::task<bool> passthrough_session::has_passed_data() {
    if (!permitted_ports_) co_return false;
    const auto moved = co_await permitted_ports_.data_moved(loop_, net::time_limit::within(limits::opening_timeout));
    if (!moved && moved.error().code != errc::timeout)
        log_(log::level::warning, fmt::format("Whether the session transfers data is not known: {}", moved.error().text()));
    co_return moved ? *moved : moved.error().code == errc::timeout;
}

// The gateway cannot send 421 within the TLS of the backend, so it closes an idle session by RST.
net::task<> passthrough_session::close_when_idle(passthrough_session& self, std::shared_ptr<const void> /*owner*/) {
    const auto idle = self.gate_->config.idle_timeout;
    while (!self.ended_) {
        const auto now = net::clock::now();
        const auto* const data = self.forwarded_ports_.get();
        const bool busy = data != nullptr && data->running() > 0;
        const auto last_end = data != nullptr ? data->last_end() : net::deadline();
        const passthrough_activity activity{busy, self.counts_.last_activity, std::max(last_end, self.last_passed_data_)};
        const auto deadline = activity.idle_until(now, idle);
        const bool is_due = now >= deadline || (self.stopping_ && !busy);
        if (is_due && co_await self.has_passed_data()) {
            self.last_passed_data_ = now;
            self.wake_.clear();
            co_await self.wake_.wait(now + (self.stopping_ ? passed_check_interval : idle));
            continue;
        }
        if (self.ended_) co_return;
        if (is_due) {
            self.log_(log::level::info, self.stopping_ ? "Closing the session: the gateway is stopping"
                                                       : fmt::format("Closing the session: idle for {} s", idle.count()));
            self.client_.stream().abort();
            self.backend_.stream.abort();
            co_return;
        }
        self.wake_.clear();
        co_await self.wake_.wait(self.stopping_ ? std::min(deadline, now + stop_check_interval) : deadline);
    }
}

}  // namespace sallyport::gate
