#include <sallyport/gate/gate.hpp>

#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/service.hpp>
#include <sallyport/gate/session.hpp>
#include <sallyport/net/listener.hpp>

namespace sallyport::gate {
namespace {

// How often the end of the last session is looked for while stopping.
constexpr auto stop_check = std::chrono::milliseconds(10);
// What sessions that were cut may take to unwind.
constexpr auto unwind = std::chrono::milliseconds(500);

/// What one loop has of the gateway. Touched on that loop only, once it runs.
struct shard {
    explicit shard(net::loop& l) : home(l) {}
    net::loop& home;
    std::vector<net::listener> listeners;
    std::unordered_set<session*> sessions;
};

}  // namespace

struct gate::impl : std::enable_shared_from_this<gate::impl> {
    impl(net::loop_group& group, settings s, status::counters& counters)
        : loops(group), common(std::make_shared<service>(group, std::move(s), counters)) {
        for (std::size_t i = 0; i < group.size(); ++i) shards.push_back(std::make_unique<shard>(group.at(i)));
    }

    result<void> listen(const endpoint& at, bool implicit_tls);
    void close_listeners(shard& on);
    void for_each_session(void (session::*what)());

    static net::task<> start_advisor(std::shared_ptr<service> common);
    static net::task<> accept_sessions(std::shared_ptr<impl> owner, shard& on, net::listener& from, bool implicit_tls);
    static net::task<> hold_session(std::shared_ptr<impl> owner, shard& on, std::shared_ptr<session> one);
    static net::task<> await_end(std::shared_ptr<impl> owner, net::deadline due, std::move_only_function<void()> done);

    net::loop_group& loops;
    std::shared_ptr<service> common;
    std::vector<std::unique_ptr<shard>> shards;
    std::vector<endpoint> bound;
    bool stopping = false;
};

// Every loop listens on the same endpoint and the kernel spreads; the first one's port 0 becomes everybody's port.
result<void> gate::impl::listen(const endpoint& at, bool implicit_tls) {
    endpoint here = at;
    for (auto& one : shards) {
        auto opened = net::listener::open(one->home, here, {.reuse_port = shards.size() > 1});
        if (!opened) return std::unexpected(opened.error());
        here = opened->local();
        one->listeners.push_back(std::move(*opened));
        one->home.spawn("gate: listener", accept_sessions(shared_from_this(), *one, one->listeners.back(), implicit_tls));
    }
    bound.push_back(here);
    return {};
}

void gate::impl::close_listeners(shard& on) {
    for (auto& l : on.listeners) l.close();
}

void gate::impl::for_each_session(void (session::*what)()) {
    for (auto& one : shards) {
        one->home.post([self = shared_from_this(), &on = *one, what] {
            const auto all = on.sessions;  // one may leave the set meanwhile
            for (auto* s : all) {
                if (on.sessions.contains(s)) (s->*what)();
            }
        });
    }
}

net::task<> gate::impl::start_advisor(std::shared_ptr<service> common) {
    const auto found = co_await common->advisor->start();
    if (!found) {
        log::warning({}, fmt::format("The external address {} cannot be found out yet: {}", common->config.external_address,
                                     found.error().text()));
    }
}

net::task<> gate::impl::hold_session(std::shared_ptr<impl> owner, shard& on, std::shared_ptr<session> one) {
    on.sessions.insert(one.get());
    if (owner->common->open.load() > owner->common->config.max_sessions) {
        std::string why = "Too many sessions; try again later.";
        co_await turn_away(one, std::move(why));
    } else {
        co_await run_session(one);
    }
    on.sessions.erase(one.get());
}

net::task<> gate::impl::accept_sessions(std::shared_ptr<impl> owner, shard& on, net::listener& from, bool implicit_tls) {
    for (;;) {
        auto came = co_await from.accept();
        if (!came) co_return;  // closed
        auto one = std::make_shared<session>(owner->common, on.home, std::move(*came), implicit_tls);
        on.home.spawn("gate: session", hold_session(owner, on, std::move(one)));
    }
}

net::task<> gate::impl::await_end(std::shared_ptr<impl> owner, net::deadline due, std::move_only_function<void()> done) {
    auto& first = owner->shards.front()->home;
    auto& open = owner->common->open;
    while (open.load() > 0 && net::clock::now() < due) co_await first.sleep_for(stop_check);
    if (open.load() > 0) {
        log::warning({}, fmt::format("{} sessions are cut: they did not end in time", open.load()));
        owner->for_each_session(&session::kill);
        const auto last = net::clock::now() + unwind;
        while (open.load() > 0 && net::clock::now() < last) co_await first.sleep_for(stop_check);
    }
    owner->common->ports.stop();
    owner->common->advisor->stop();
    done();
}

gate::gate(net::loop_group& loops, settings s, status::counters& counters)
    : impl_(std::make_shared<impl>(loops, std::move(s), counters)) {}

// Coroutines that were never resumed keep `impl` until their loops are destroyed. What is registered with the loops must
// go before.
gate::~gate() {
    for (auto& one : impl_->shards) one->listeners.clear();
    impl_->common->ports.stop();
    impl_->common->advisor.reset();
}

result<void> gate::start() {
    const auto& config = impl_->common->config;
    if (config.backends.empty()) return fail(errc::misuse, "a gateway needs at least one backend");
    if (!config.tls && (config.tls_required || !config.listen_implicit.empty())) {
        return fail(errc::misuse, "TLS is asked for and there is no certificate; give one");
    }
    const auto count = config.listen.size() + config.listen_implicit.size();
    for (auto& one : impl_->shards) one->listeners.reserve(count);  // their coroutines hold references
    for (const auto& at : config.listen) {
        if (const auto open = impl_->listen(at, false); !open) return open;
    }
    for (const auto& at : config.listen_implicit) {
        if (const auto open = impl_->listen(at, true); !open) return open;
    }
    impl_->loops.at(0).spawn("gate: external address", impl::start_advisor(impl_->common));
    return {};
}

std::vector<endpoint> gate::endpoints() const { return impl_->bound; }

void gate::stop(std::chrono::milliseconds grace, std::move_only_function<void()> done) {
    if (std::exchange(impl_->stopping, true)) return;
    for (auto& one : impl_->shards) {
        one->home.post([self = impl_, &on = *one] { self->close_listeners(on); });
    }
    impl_->for_each_session(&session::stop);
    impl_->loops.at(0).spawn("gate: stop", impl::await_end(impl_, net::clock::now() + grace, std::move(done)));
}

}  // namespace sallyport::gate
