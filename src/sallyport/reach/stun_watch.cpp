#include <sallyport/reach/stun_watch.hpp>

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/reach/default_route.hpp>

namespace sallyport::reach {
namespace {

/// How packets leave this machine. A route without a gateway has an address alone, and another gateway may leave it the
/// same.
struct way_out {
    std::optional<ip_address> own;
    std::optional<ip_address> gateway;

    friend bool operator==(const way_out&, const way_out&) = default;
};

[[nodiscard]] way_out current_way_out() {
    const auto route = find_default_route();
    return {find_own_address(), route ? std::optional(route->gateway) : std::nullopt};
}

}  // namespace

struct stun_watch::impl {
    impl(net::loop& l, std::vector<stun_server> s, receiver r)
        : loop(l), servers(std::move(s)), on_answers(std::move(r)), wake(l) {}

    static net::task<> run(std::shared_ptr<impl> self);
    static net::task<> watch_routes(std::shared_ptr<impl> self);
    void report(const std::vector<stun_attempt>& attempts);

    net::loop& loop;
    const std::vector<stun_server> servers;
    receiver on_answers;
    net::event wake;
    std::optional<net::descriptor> routes;
    // By which servers are asked.
    way_out route = current_way_out();
    bool stopped = false;
    std::string reported;
};

net::task<> stun_watch::impl::run(std::shared_ptr<impl> self) {
    while (!self->stopped) {
        self->wake.clear();
        const auto asked_by = self->route;
        const auto attempts =
            co_await ask_stun_servers(self->loop, self->servers, net::time_limit::within(limits::stun_timeout));
        if (self->stopped) co_return;
        if (asked_by != self->route) continue;
        self->report(attempts);
        self->on_answers(answers_of(attempts));
        (void)co_await self->wake.wait(net::clock::now() + stun_interval);
    }
}

/// What servers saw of another route or address says nothing about this one.
net::task<> stun_watch::impl::watch_routes(std::shared_ptr<impl> self) {
    while (!self->stopped) {
        const bool changed = co_await wait_for_route_change(*self->routes);
        if (!changed || self->stopped) co_return;
        if (const auto now = current_way_out(); now != self->route) {
            self->route = now;
            self->on_answers({});
            self->wake.set();
        }
    }
}

/// Logs what has changed since the last round: servers of which none has an answer are of interest once.
void stun_watch::impl::report(const std::vector<stun_attempt>& attempts) {
    std::string text;
    for (std::size_t i = 0; i + 1 < attempts.size(); i += 2) {
        if (attempts[i].seen || attempts[i + 1].seen) continue;
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", escape(attempts[i].server.text()),
                            escape(attempts[i].seen.error().text()));
    }
    if (!text.empty() && text != reported) log::warning({}, fmt::format("No answer of STUN servers: {}", text));
    reported = std::move(text);
}

stun_watch::stun_watch(net::loop& loop, std::vector<stun_server> servers, receiver on_answers)
    : impl_(std::make_shared<impl>(loop, std::move(servers), std::move(on_answers))) {}

void stun_watch::start() {
    if (auto opened = open_route_watch()) {
        impl_->routes.emplace(impl_->loop, std::move(*opened));
        net::keep_running(impl_->loop, "route changes for STUN", [self = impl_] { return impl::watch_routes(self); });
    }
    net::keep_running(impl_->loop, "STUN", [self = impl_] { return impl::run(self); });
}

void stun_watch::stop() {
    impl_->stopped = true;
    impl_->wake.set();
    if (impl_->routes) impl_->routes->close();
}

}  // namespace sallyport::reach
