#include <sallyport/gate/health_check.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::gate {
namespace {

const proto::proxy_header nobody;  // a check speaks for no client

/// Logs in and lists, over a connection that has been greeted.
net::task<std::optional<backend_failure>> visit(client::connection& link, check_stage stage) {
    if (const auto refused = co_await link.login()) {
        auto why = failure_of(*refused);
        why.at = check_stage::login;
        co_return why;
    }
    if (stage < check_stage::list) co_return std::nullopt;
    // A listing counts for its end, not for what it says.
    client::discarder job;
    proto::client_transfer listing{.what = proto::verb::list, .path = {}};
    const auto refused = co_await link.transfer(std::move(listing), job);
    if (const auto& data = link.data(); data && data->failure && !(refused && refused->reply_code != 0)) {
        error why = *data->failure;
        why.what = "the data connection" + std::string(why.what.empty() ? "" : ": ") + why.what;
        co_return backend_failure{check_stage::list, std::move(why)};
    }
    if (!refused) co_return std::nullopt;
    auto why = failure_of(*refused);
    why.at = check_stage::list;
    co_return why;
}

}  // namespace

net::task<check_outcome> check_backend(net::loop& home, const settings& config, const backend& where, own_ends& own,
                                       check_stage stage) {
    const auto begun = net::clock::now();
    const auto whole = std::min<net::clock::duration>(config.checks.interval, limits::check);
    const auto limit = net::time_limit::within(std::min<net::clock::duration>(config.backend_connect, whole));
    backend to = where.for_client(stage >= check_stage::tls);
    backend_access by{.client = nobody,
                      .tls = config.backend_tls,
                      .keepalive = config.keepalive,
                      .own = &own,
                      .user = config.checks.user,
                      .password = config.checks.password};
    auto opened = co_await open_backend(home, std::move(to), std::move(by), limit, stage);
    if (!opened) co_return check_outcome{opened.error()};
    check_outcome out{.failure = std::nullopt, .greeted_after = {}};
    for (const auto& step : opened->link->times()) out.greeted_after += step.took;
    if (stage == check_stage::tcp) co_return out;
    opened->link->finish_by(begun + whole);
    if (stage >= check_stage::login) out.failure = co_await visit(*opened->link, stage);
    // QUIT, so that a check is no error in the backend's log; there is time for that even where there is none left.
    opened->link->finish_by(net::deadline::max());
    co_await opened->link->quit();
    co_return out;
}

net::task<> look_at_start(std::shared_ptr<session_context> gate, net::loop& home) {
    for (const auto& [id, where] : gate->backends.list()) {
        if (where.terms.state == backend_state::maintenance) continue;
        const auto outcome = co_await check_backend(home, gate->config, where, gate->base->own, check_stage::greeting);
        if (!outcome.failure) continue;
        log::warning({}, fmt::format("Backend {} does not answer: {}; clients get 421 until it does", where.text(),
                                     outcome.failure->text()));
    }
}

struct health_checks::impl {
    explicit impl(net::loop& l) : home(l) {}
    static void follow(const std::shared_ptr<impl>& self);
    static net::task<> check(std::shared_ptr<impl> self, backend_id id, backend where);

    net::loop& home;
    std::shared_ptr<session_context> gate;  // the newest; loop thread
    std::map<backend_id, net::event> each;  // of the running coroutines: set where it should look up. Loop thread
    std::atomic<bool> started{false};
    std::atomic<bool> stopped{false};
};

void health_checks::impl::follow(const std::shared_ptr<impl>& self) {
    if (self->stopped) return;
    auto& backends = self->gate->backends;
    for (const auto& [id, where] : backends.list()) {
        if (!self->each.try_emplace(id, self->home).second) continue;
        self->home.spawn("gate: health check", check(self, id, where));
    }
    for (auto& [id, look_up] : self->each) {
        if (!backends.state(id)) look_up.set();
    }
}

net::task<> health_checks::impl::check(std::shared_ptr<impl> self, backend_id id, backend where) {
    auto& asked = self->each.at(id);
    while (!self->stopped) {
        const auto gate = self->gate;
        const auto& config = gate->config;
        const auto state = gate->backends.state(id);
        if (!state) break;
        const auto begun = net::clock::now();
        net::clock::duration pause = config.checks.interval;
        asked.clear();
        // In maintenance it may be switched off or half built; that is nobody's business.
        if (config.spread.check != check_stage::off && state != backend_state::maintenance) {
            const auto outcome = co_await check_backend(self->home, config, where, gate->base->own, config.spread.check);
            if (outcome.failure)
                gate->backend_failed(id, where, *outcome.failure);
            else
                gate->backend_answered(id, where, witness::check, outcome.greeted_after);
            if (outcome.failure && outcome.failure->cause.code == errc::login_refused)
                pause = std::max<net::clock::duration>(pause, limits::check_after_refused_login);
        }
        const bool hurried = co_await asked.wait(begun + pause);
        if (hurried && !self->stopped && gate->backends.state(id))
            co_await self->home.sleep_until(begun + std::min<net::clock::duration>(pause, limits::check_pause));
    }
    self->each.erase(id);
}

health_checks::health_checks(net::loop& home) : impl_(std::make_shared<impl>(home)) {}

void health_checks::start(std::shared_ptr<session_context> gate) {
    impl_->gate = std::move(gate);
    impl_->started = true;
    impl::follow(impl_);
}

void health_checks::follow() {
    if (!impl_->started || impl_->stopped) return;
    impl_->home.mail()->post([self = impl_] { impl::follow(self); });
}

void health_checks::hurry(backend_id id) {
    if (!impl_->started || impl_->stopped) return;
    impl_->home.mail()->post([self = impl_, id] {
        if (const auto found = self->each.find(id); found != self->each.end()) found->second.set();
    });
}

void health_checks::stop() {
    impl_->gate.reset();  // which holds these checks
    if (!impl_->started || impl_->stopped.exchange(true)) return;
    for (auto& [id, look_up] : impl_->each) look_up.set();
}

}  // namespace sallyport::gate
