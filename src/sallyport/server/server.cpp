#include <sallyport/server/server.hpp>

#include <mutex>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/server/context.hpp>
#include <sallyport/server/session.hpp>

namespace sallyport::server {

namespace {

/// The control connection; for a transfer its connection, its file, that file's directory, and a passive port.
constexpr front::descriptor_need need{.session = 1, .transfer = 4};

}  // namespace

struct server::impl {
    impl(net::loop_group& loops, settings s, status::counters& counters)
        : base(std::make_shared<foundation>(loops, s, counters)),
          front(loops, s.admit, s.inbound.ports.proxies, base->inbound.single(), counters, need),
          newest(std::make_shared<context>(std::move(s), base)) {}

    /// Any thread.
    [[nodiscard]] std::shared_ptr<context> now() const {
        const std::scoped_lock lock(mutex);
        return newest;
    }
    void renew(std::shared_ptr<context> by) {
        const std::scoped_lock lock(mutex);
        newest.swap(by);
    }

    std::shared_ptr<foundation> base;
    front::front front;
    mutable std::mutex mutex;
    std::shared_ptr<context> newest;
};

namespace {

[[nodiscard]] result<void> usable(const settings& s) {
    if ((s.tls_required || !s.listen_implicit.empty()) && !s.tls)
        return fail(errc::syntax, "TLS is asked for, but there is no certificate; name one, or make TLS optional");
    return {};
}

}  // namespace

server::server(net::loop_group& loops, settings s, status::counters& counters)
    : impl_(std::make_unique<impl>(loops, std::move(s), counters)) {}

// Sessions that never got to their end keep what is shared until the loops are destroyed.
server::~server() { impl_->base->inbound.stop(); }

result<void> server::start() {
    const auto first = impl_->now();
    const settings& config = first->config;
    if (auto good = usable(config); !good) return good;
    if (auto opened = impl_->front.open(config.listen, config.listen_implicit); !opened) return opened;
    // Only now, when nothing can fail any more, does anything run.
    impl_->front.run([this](front::arrival from) {
        net::loop& home = from.home;
        home.spawn("session", session::serve(std::make_shared<session>(impl_->now(), std::move(from))));
    });
    if (config.passive) impl_->base->inbound.report(endpoints());
    impl_->base->inbound.start();
    return {};
}

result<std::vector<std::string>> server::renew(settings s) {
    if (auto good = usable(s); !good) return std::unexpected(good.error());
    impl_->base->inbound.set_addresses(s.inbound.addresses);
    impl_->front.set_rules(s.admit);
    impl_->renew(std::make_shared<context>(std::move(s), impl_->base));
    return std::vector<std::string>();
}

void server::inherit(std::vector<unique_fd> sockets) { impl_->front.inherit(std::move(sockets)); }

std::vector<int> server::sockets() const { return impl_->front.sockets(); }

void server::leave(std::move_only_function<void()> gone) { impl_->front.leave(std::move(gone)); }

void server::share_ports(bool with_another) { impl_->base->inbound.ports().share(with_another); }

std::vector<endpoint> server::endpoints() const { return impl_->front.endpoints(); }

net::task<status::session_survey> server::survey(net::loop& here) const { return impl_->front.survey(here); }

front::front& server::sessions() noexcept { return impl_->front; }

void server::stop(std::chrono::milliseconds grace, front::stopped done) {
    impl_->front.stop(grace, [base = impl_->base, done = std::move(done)](bool all_ended) mutable {
        base->inbound.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::server
