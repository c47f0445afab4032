#include <sallyport/gate/passthrough.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sallyport::gate {
namespace {

// The end of a data connection does not wake the watch below.
constexpr auto stopping_look = std::chrono::milliseconds(100);

}  // namespace

passthrough::passthrough(std::shared_ptr<session_context> gate, net::loop& home, net::stream& client, backend_leg& backend,
                         log_sink log)
    : gate_(std::move(gate)), home_(home), client_(client), backend_(backend), log_(std::move(log)), wake_(home) {}

net::task<> passthrough::run(std::shared_ptr<const void> owner) {
    const auto& at = backend_.server.parameters();
    guest_ = gate_->base->mirrored.admit(at, backend_.stream.peer().address, client_.peer().address);
    log_(log::level::info,
         fmt::format("TLS passes between {} and {}; data by ports {}", client_.peer().text(), at.text(), at.mirror.text()));
    home_.spawn("gate: passthrough", watch(*this, owner));
    const auto outcome = co_await net::relay(client_, backend_.stream, net::time_limit(), counts_);
    ended_ = true;
    wake_.set();
    log_(log::level::info, fmt::format("{} bytes of control passed there, {} back{}", counts_.a_to_b, counts_.b_to_a,
                                       outcome.end == net::relay_end::complete ? "" : ", cut: " + outcome.cause.text()));
}

void passthrough::stop() {
    stopping_ = true;
    wake_.set();
}

// No 421 can be sent inside TLS that ends elsewhere, so an idle session is cut.
net::task<> passthrough::watch(passthrough& self, std::shared_ptr<const void> /*owner*/) {
    const auto idle = self.gate_->config.idle;
    while (!self.ended_) {
        const auto now = net::clock::now();
        const bool busy = self.guest_->running() > 0;
        const passthrough_activity seen{busy, self.counts_.last_activity, self.guest_->last_end()};
        const auto due = seen.idle_until(now, idle);
        if (now >= due || (self.stopping_ && !busy)) {
            self.log_(log::level::info, self.stopping_ ? "The gateway stops" : fmt::format("Idle for {} s", idle.count()));
            self.client_.abort();
            self.backend_.stream.abort();
            co_return;
        }
        self.wake_.clear();
        co_await self.wake_.wait(self.stopping_ ? std::min(due, now + stopping_look) : due);
    }
}

}  // namespace sallyport::gate
