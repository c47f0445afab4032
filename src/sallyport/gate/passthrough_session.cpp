#include <sallyport/gate/passthrough_session.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <sallyport/net/keep_running.hpp>

namespace sallyport::gate {
namespace {

// The end of a data connection does not wake close_when_idle(), so that it checks at this interval while stopping.
constexpr auto stop_check_interval = std::chrono::milliseconds(100);

}  // namespace

void end_of_permission::operator()() const noexcept {
    try {
        by.end_passing(number);
    } catch (...) {
        net::log_exception("gate: passthrough", std::current_exception());
    }
}

passthrough_session::passthrough_session(std::shared_ptr<session_context> gate, net::loop& loop, client_control& client,
                                         backend_leg& backend, log_sink log)
    : gate_(std::move(gate)), loop_(loop), client_(client), backend_(backend), log_(std::move(log)), wake_(loop) {}

/// Which data ports the client can use, for the log.
std::string passthrough_session::pass_ports() {
    constexpr auto none = "no data ports opened by this gateway";
    const auto& at = backend_.server.parameters();
    if (at.passthrough_range.first != 0) {
        forwarded_ports_ = gate_->base->passthrough.admit(at, backend_.stream.peer().address, client_.peer().address);
        return "data ports " + at.passthrough_range.text();
    }
    const auto* const rule = client_.interception();
    if (rule == nullptr || rule->connections.passed_ports.first == 0) return none;
    const auto& interception = gate_->config.interception;
    const auto number = static_cast<std::size_t>(rule - interception.rules.data());
    const auto passed = interception.pass_ports(number, client_.stream().native_handle(), backend_.stream.native_handle());
    if (!passed) return fmt::format("{} ({})", none, passed.error().text());
    permitted_ports_.emplace(end_of_permission{interception, *passed});
    return fmt::format("data ports {} of the server", rule->connections.passed_ports.text());
}

net::task<> passthrough_session::run(std::shared_ptr<const void> owner) {
    const auto ports = pass_ports();
    log_(log::level::info, fmt::format("TLS passthrough between {} and {}, {}", client_.peer().text(),
                                       backend_.server.parameters().text(), ports));
    loop_.spawn("gate: passthrough", close_when_idle(*this, owner));
    const auto outcome = co_await net::relay(client_.stream(), backend_.stream, net::time_limit(), counts_);
    ended_ = true;
    wake_.set();
    permitted_ports_.reset();
    log_(log::level::info,
         fmt::format("Control connection: {} bytes to the backend, {} to the client{}", counts_.a_to_b, counts_.b_to_a,
                     outcome.result == net::relay_result::complete ? "" : ", interrupted: " + outcome.cause.text()));
}

void passthrough_session::stop() {
    stopping_ = true;
    wake_.set();
}

// The gateway cannot send 421 within the TLS of the backend, so it closes an idle session by RST.
net::task<> passthrough_session::close_when_idle(passthrough_session& self, std::shared_ptr<const void> /*owner*/) {
    const auto idle = self.gate_->config.idle_timeout;
    while (!self.ended_) {
        const auto now = net::clock::now();
        const auto* const data = self.forwarded_ports_.get();
        const bool busy = data != nullptr && data->running() > 0;
        const auto last_end = data != nullptr ? data->last_end() : net::deadline();
        const passthrough_activity activity{busy, self.counts_.last_activity, last_end};
        const auto deadline = activity.idle_until(now, idle);
        if (now >= deadline || (self.stopping_ && !busy)) {
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
