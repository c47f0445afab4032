#include <sallyport/server/server.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/server/context.hpp>
#include <sallyport/server/session.hpp>

namespace sallyport::server {

struct server::impl {
    impl(net::loop_group& loops, settings s, status::counters& counters)
        : home(loops.at(0)),
          shared(std::make_shared<context>(loops, std::move(s), counters)),
          front(loops, shared->config.admit, shared->config.inbound.ports.proxies, shared->inbound.single(), counters) {}

    net::loop& home;
    std::shared_ptr<context> shared;
    front::front front;
};

server::server(net::loop_group& loops, settings s, status::counters& counters)
    : impl_(std::make_unique<impl>(loops, std::move(s), counters)) {}

// Sessions that never got to their end keep what is shared until the loops are destroyed.
server::~server() { impl_->shared->inbound.stop(); }

result<void> server::start() {
    const settings& config = impl_->shared->config;
    if ((config.tls_required || !config.listen_implicit.empty()) && !config.tls)
        return fail(errc::misuse, "TLS is asked for, but there is no certificate; name one, or make TLS optional");
    for (const endpoint& at : config.listen) {
        const result<void> opened = impl_->front.open(at, false);
        if (!opened) return opened;
    }
    for (const endpoint& at : config.listen_implicit) {
        const result<void> opened = impl_->front.open(at, true);
        if (!opened) return opened;
    }
    // Only now, when nothing can fail any more, does anything run.
    impl_->front.run([shared = impl_->shared](front::arrival from) {
        net::loop& home = from.home;
        home.spawn("session", session::serve(std::make_shared<session>(shared, std::move(from))));
    });
    if (config.passive) impl_->shared->inbound.report(endpoints());
    impl_->shared->inbound.start();
    return {};
}

std::vector<endpoint> server::endpoints() const { return impl_->front.endpoints(); }

net::task<status::session_survey> server::survey(net::loop& here) const { return impl_->front.survey(here); }

void server::stop(std::chrono::milliseconds grace, front::stopped done) {
    impl_->front.stop(grace, [shared = impl_->shared, done = std::move(done)](bool all_ended) mutable {
        shared->inbound.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::server
