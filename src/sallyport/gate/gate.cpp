#include <sallyport/gate/gate.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/service.hpp>
#include <sallyport/gate/session.hpp>

namespace sallyport::gate {

struct gate::impl {
    impl(net::loop_group& loops, settings s, status::counters& counters)
        : front(loops, s.admit, s.inbound.ports.proxies, counters),
          base(std::make_shared<foundation>(loops, s, counters)),
          newest(std::make_shared<service>(std::move(s), base)) {}

    /// Any thread.
    [[nodiscard]] std::shared_ptr<service> now() const {
        const std::scoped_lock lock(mutex);
        return newest;
    }
    void renew(std::shared_ptr<service> by) {
        const std::scoped_lock lock(mutex);
        newest.swap(by);
    }

    front::front front;
    void distrust_those_down(unsigned fall) {
        for (const auto& [id, where] : base->backends.list()) {
            const bool was_down = std::ranges::find(down, where.text()) != down.end();
            for (unsigned i = 0; was_down && i < fall; ++i)
                (void)base->backends.failed(id, "down when this process took over", net::clock::now());
        }
    }

    std::shared_ptr<foundation> base;
    std::vector<std::string> down;  // what a predecessor knew
    mutable std::mutex mutex;
    std::shared_ptr<service> newest;
};

namespace {

[[nodiscard]] result<void> usable(const settings& s) {
    if (s.backends.empty() && s.backends_file.empty()) return fail(errc::misuse, "a gateway needs at least one backend");
    if (!s.tls && (s.tls_required || !s.listen_implicit.empty()))
        return fail(errc::misuse, "TLS is asked for and there is no certificate; give one");
    return {};
}

}  // namespace

gate::gate(net::loop_group& loops, settings s, status::counters& counters)
    : impl_(std::make_unique<impl>(loops, std::move(s), counters)) {}

// Sessions that never got to their end keep what is shared until the loops are destroyed.
gate::~gate() {
    impl_->base->list.stop();
    impl_->base->checks.stop();
    impl_->base->inbound.stop();
}

result<void> gate::start() {
    const auto first = impl_->now();
    const auto& config = first->config;
    if (auto good = usable(config); !good) return good;
    if (const auto listed = impl_->base->list.use(config); !listed) return std::unexpected(listed.error());
    impl_->distrust_those_down(config.spread.fall);
    for (const auto& at : config.listen) {
        if (const auto open = impl_->front.open(at, false); !open) return open;
    }
    for (const auto& at : config.listen_implicit) {
        if (const auto open = impl_->front.open(at, true); !open) return open;
    }
    impl_->front.run([this](front::arrival from) {
        net::loop& home = from.home;
        home.spawn("gate: session", run_session(std::make_shared<session>(impl_->now(), std::move(from))));
    });
    impl_->base->inbound.report(endpoints());
    impl_->base->inbound.start();
    if (config.spread.check != check_stage::off) impl_->base->checks.start(first);
    return {};
}

void gate::inherit(std::vector<unique_fd> sockets, const std::vector<std::string>& down) {
    impl_->front.inherit(std::move(sockets));
    impl_->down = down;
}

std::vector<int> gate::sockets() const { return impl_->front.sockets(); }

void gate::leave(std::move_only_function<void()> gone) { impl_->front.leave(std::move(gone)); }

void gate::share_ports(bool with_another) { impl_->base->inbound.ports().share(with_another); }

std::vector<endpoint> gate::endpoints() const { return impl_->front.endpoints(); }

void gate::adjust(const std::vector<backend>& wanted) { impl_->base->list.give(wanted); }

result<std::vector<std::string>> gate::renew(settings s) {
    if (auto good = usable(s); !good) return std::unexpected(good.error());
    const auto old = impl_->now();
    auto changes = impl_->base->list.use(s);
    if (!changes) return changes;
    impl_->base->inbound.set_addresses(s.inbound.addresses);
    impl_->base->backends.set_rules(s.spread);
    impl_->front.set_rules(s.admit);
    const auto fresh = std::make_shared<service>(std::move(s), impl_->base);
    impl_->renew(fresh);
    if (fresh->config.spread.check != check_stage::off || old->config.spread.check != check_stage::off)
        impl_->base->checks.start(fresh);
    return changes;
}

pool_snapshot gate::backends() const { return impl_->base->backends.snapshot(net::clock::now()); }

net::task<status::session_survey> gate::survey(net::loop& here) const { return impl_->front.survey(here); }

void gate::stop(std::chrono::milliseconds grace, front::stopped done) {
    impl_->base->list.stop();
    impl_->base->checks.stop();
    impl_->front.stop(grace, [base = impl_->base, done = std::move(done)](bool all_ended) mutable {
        base->inbound.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::gate
