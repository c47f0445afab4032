#include <sallyport/gate/gate.hpp>

#include <utility>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/service.hpp>
#include <sallyport/gate/session.hpp>

namespace sallyport::gate {

struct gate::impl {
    impl(net::loop_group& loops, settings s, status::counters& counters)
        : front(loops, s.admit, s.proxies, counters), common(std::make_shared<service>(loops, std::move(s), counters)) {}

    front::front front;
    std::shared_ptr<service> common;
};

gate::gate(net::loop_group& loops, settings s, status::counters& counters)
    : impl_(std::make_unique<impl>(loops, std::move(s), counters)) {}

// Sessions that never got to their end keep what is shared until the loops are destroyed.
gate::~gate() {
    impl_->common->checks.stop();
    impl_->common->ports.stop();
    impl_->common->advisor.stop();
}

result<void> gate::start() {
    const auto& config = impl_->common->config;
    if (config.backends.empty()) return fail(errc::misuse, "a gateway needs at least one backend");
    if (!config.tls && (config.tls_required || !config.listen_implicit.empty())) {
        return fail(errc::misuse, "TLS is asked for and there is no certificate; give one");
    }
    for (const auto& at : config.listen) {
        if (const auto open = impl_->front.open(at, false); !open) return open;
    }
    for (const auto& at : config.listen_implicit) {
        if (const auto open = impl_->front.open(at, true); !open) return open;
    }
    impl_->front.run([common = impl_->common](front::arrival from) {
        net::loop& home = from.home;
        home.spawn("gate: session", run_session(std::make_shared<session>(common, std::move(from))));
    });
    impl_->common->advisor.start();
    if (config.spread.check != check_stage::off) impl_->common->checks.start(impl_->common);
    return {};
}

std::vector<endpoint> gate::endpoints() const { return impl_->front.endpoints(); }

void gate::adjust(const std::vector<backend>& wanted) {
    for (const auto& change : impl_->common->backends.adjust(wanted)) log::info({}, change);
}

pool_snapshot gate::backends() const { return impl_->common->backends.snapshot(net::clock::now()); }

void gate::stop(std::chrono::milliseconds grace, front::stopped done) {
    impl_->common->checks.stop();
    impl_->front.stop(grace, [common = impl_->common, done = std::move(done)](bool all_ended) mutable {
        common->ports.stop();
        common->advisor.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::gate
