#include <sallyport/gate/health_check.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::gate {
namespace {

// A health check has no client.
const proto::proxy_header no_client;

/// Logs in and lists on a connection after its greeting.
net::task<std::optional<backend_failure>> check_login(client::connection& connection, check_level level) {
    if (const auto refused = co_await connection.login()) {
        auto failure = failure_of(*refused);
        failure.at = check_level::login;
        co_return failure;
    }
    if (level < check_level::list) co_return std::nullopt;
    // Only the end of the listing matters, not its content.
    client::discarder job;
    proto::client_transfer listing{.command = proto::verb::list, .path = {}};
    const auto refused = co_await connection.transfer(std::move(listing), job);
    if (const auto& data = connection.data(); data && data->failure && !(refused && refused->reply_code != 0)) {
        error cause = *data->failure;
        cause.what = "the data connection" + std::string(cause.what.empty() ? "" : ": ") + cause.what;
        co_return backend_failure{check_level::list, std::move(cause)};
    }
    if (!refused) co_return std::nullopt;
    auto failure = failure_of(*refused);
    failure.at = check_level::list;
    co_return failure;
}

}  // namespace

net::task<check_outcome> check_backend(net::loop& loop, const settings& config, const backend& server,
                                       self_connection_guard& guard, check_level level) {
    const auto started_at = net::clock::now();
    const auto total_limit = std::min<net::clock::duration>(config.checks.interval, limits::check_timeout);
    const auto limit = net::time_limit::within(std::min<net::clock::duration>(config.backend_connect_timeout, total_limit));
    backend to = server.for_client(level >= check_level::tls);
    backend_access access{.client = no_client,
                          .tls = config.backend_tls,
                          .keepalive = config.keepalive,
                          .guard = &guard,
                          .user = config.checks.user,
                          .password = config.checks.password};
    auto opened = co_await open_backend(loop, std::move(to), std::move(access), limit, level);
    if (!opened) co_return check_outcome{opened.error()};
    check_outcome out{.failure = std::nullopt, .response_time = {}};
    for (const auto& step : opened->connection->times()) out.response_time += step.duration;
    if (level == check_level::tcp) co_return out;
    opened->connection->set_deadline(started_at + total_limit);
    if (level >= check_level::login) out.failure = co_await check_login(*opened->connection, level);
    // QUIT, so that the check is no error in the backend's log. It has its own time limit.
    opened->connection->set_deadline(net::deadline::max());
    co_await opened->connection->quit();
    co_return out;
}

net::task<> check_at_start(std::shared_ptr<session_context> gate, net::loop& loop) {
    for (const auto& [id, server] : gate->backends.list()) {
        if (server.parameters.state == backend_state::maintenance) continue;
        const auto outcome = co_await check_backend(loop, gate->config, server, gate->base->guard, check_level::greeting);
        if (!outcome.failure) continue;
        log::warning({}, fmt::format("Backend {} did not respond: {}; clients get 421 until it does", server.text(),
                                     outcome.failure->text()));
    }
}

struct health_checks::impl {
    explicit impl(net::loop& l) : loop(l) {}
    static void update_list(const std::shared_ptr<impl>& self);
    static net::task<> check(std::shared_ptr<impl> self, backend_id id, backend server);

    net::loop& loop;
    // The newest context. Loop thread.
    std::shared_ptr<session_context> gate;
    // One event for each running coroutine, set to wake it. Loop thread.
    std::map<backend_id, net::event> wake_events;
    std::atomic<bool> started{false};
    std::atomic<bool> stopped{false};
};

void health_checks::impl::update_list(const std::shared_ptr<impl>& self) {
    if (self->stopped) return;
    auto& backends = self->gate->backends;
    for (const auto& [id, server] : backends.list()) {
        if (!self->wake_events.try_emplace(id, self->loop).second) continue;
        const use_memory_reserve reserve;
        net::keep_running(self->loop, "gate: health check", [self, id, server] { return check(self, id, server); });
    }
    for (auto& [id, wake] : self->wake_events) {
        if (!backends.state(id)) wake.set();
    }
}

net::task<> health_checks::impl::check(std::shared_ptr<impl> self, backend_id id, backend server) {
    auto& wake = self->wake_events.at(id);
    while (!self->stopped) {
        const auto gate = self->gate;
        const auto& config = gate->config;
        const auto state = gate->backends.state(id);
        if (!state) break;
        const auto started_at = net::clock::now();
        net::clock::duration wait = config.checks.interval;
        wake.clear();
        // A backend in maintenance may be switched off and is not checked.
        if (config.balancing.check != check_level::off && state != backend_state::maintenance) {
            const auto outcome =
                co_await check_backend(self->loop, config, server, gate->base->guard, config.balancing.check);
            if (outcome.failure)
                gate->backend_failed(id, server, *outcome.failure);
            else
                gate->backend_responded(id, server, health_source::check, outcome.response_time);
            if (outcome.failure && outcome.failure->cause.code == errc::login_refused)
                wait = std::max<net::clock::duration>(wait, limits::check_interval_after_refused_login);
        }
        const bool woken = co_await wake.wait(started_at + wait);
        if (woken && !self->stopped && gate->backends.state(id))
            co_await self->loop.sleep_until(started_at + std::min<net::clock::duration>(wait, limits::min_check_interval));
    }
    self->wake_events.erase(id);
}

health_checks::health_checks(net::loop& loop) : impl_(std::make_shared<impl>(loop)) {}

void health_checks::start(std::shared_ptr<session_context> gate) {
    impl_->gate = std::move(gate);
    impl_->started = true;
    impl::update_list(impl_);
}

void health_checks::update_list() {
    if (!impl_->started || impl_->stopped) return;
    impl_->loop.poster()->post([self = impl_] { impl::update_list(self); });
}

void health_checks::check_soon(backend_id id) {
    if (!impl_->started || impl_->stopped) return;
    impl_->loop.poster()->post([self = impl_, id] {
        if (const auto found = self->wake_events.find(id); found != self->wake_events.end()) found->second.set();
    });
}

void health_checks::stop() {
    // The context owns these checks.
    impl_->gate.reset();
    if (!impl_->started || impl_->stopped.exchange(true)) return;
    for (auto& [id, wake] : impl_->wake_events) wake.set();
}

}  // namespace sallyport::gate
