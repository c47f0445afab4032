#include <sallyport/gate/gate.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/session.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::gate {

namespace {

/// The client's and the backend's control connection; for a transfer the two data connections, a pipe between them, a
/// second descriptor to read ahead with, and a passive port.
constexpr front::descriptor_need need{.session = 2, .transfer = 6};

}  // namespace

struct gate::impl {
    impl(net::loop& first, std::shared_ptr<session_context> c) : home(first), base(c->base), context(std::move(c)) {}

    void distrust_those_down(unsigned fall) {
        for (const auto& [id, where] : base->backends.list()) {
            const bool was_down = std::ranges::find(down, where.text()) != down.end();
            for (unsigned i = 0; was_down && i < fall; ++i)
                (void)base->backends.failed(id, "down when this process took over", net::clock::now());
        }
    }

    net::loop& home;
    const std::shared_ptr<shared_state> base;
    std::vector<std::string> down;  // what the old process knew
    front::current_context<session_context> context;
};

namespace {

/// TLS that passes through tells nothing of the session, so a port must say which backend is meant, and a listener which
/// kind of TLS.
[[nodiscard]] result<void> mirrors_usable(const settings& s) {
    for (const auto& b : s.backends) {
        const auto refuse = [&](std::string_view why) {
            return fail(errc::syntax, fmt::format("backend {}: {}", b.text(), why));
        };
        if ((b.mirror.first != 0) != s.passes_tls())
            return refuse("some backends have passthrough=A-B and others do not; add it to all, or remove it");
        if (b.mirror.first == 0) continue;
        if (!s.backends_file.empty() || b.found_by != lookup::none)
            return refuse("passthrough=A-B excludes resolve= and --backends-file; list each backend with --backend");
        if (!b.terms.users.empty() || !b.terms.hosts.empty())
            return refuse(
                "passthrough=A-B and users or hosts exclude each other, since the gateway reads neither; remove one of "
                "them");
        if (s.dial_at_login)
            return refuse(
                "passthrough=A-B and --dial login exclude each other, since the gateway does not read USER; remove one of "
                "them");
        if (s.tls) return refuse("passthrough=A-B ends TLS at the backend; remove --tls-cert");
        if (!(b.tls == backend_tls::implicit ? s.listen : s.listen_implicit).empty())
            return refuse(
                "with passthrough=A-B, ftps:// backends need --listen-tls and ftp:// backends need --listen; use only the "
                "one of them");
        for (const auto& other : s.backends) {
            if (&other != &b && other.mirror.first <= b.mirror.last && b.mirror.first <= other.mirror.last)
                return refuse("another backend has the same ports in passthrough=A-B; use a range of its own for each");
        }
    }
    return {};
}

[[nodiscard]] result<void> usable(const settings& s) {
    if (s.backends.empty() && s.backends_file.empty()) return fail(errc::syntax, "a gateway needs at least one backend");
    if (auto good = mirrors_usable(s); !good || s.passes_tls()) return good;
    if (!s.tls && (s.tls_required || !s.listen_implicit.empty()))
        return fail(errc::syntax, "TLS is required and there is no certificate; add one");
    return {};
}

}  // namespace

gate::gate(net::loop_group& loops, settings s, status::counters& counters)
    : gate(loops, s, std::make_shared<shared_state>(loops, s, counters)) {}

gate::gate(net::loop_group& loops, settings s, std::shared_ptr<shared_state> shared)
    : service(loops, s, shared, need),
      impl_(std::make_unique<impl>(loops.at(0), std::make_shared<session_context>(std::move(s), shared))) {}

// Sessions that never got to their end keep what is shared until the loops are destroyed.
gate::~gate() {
    impl_->base->list.stop();
    impl_->base->checks.stop();
    impl_->base->mirrored.stop();
}

result<void> gate::start() {
    const auto first = impl_->context.get();
    const auto& config = first->config;
    if (auto good = usable(config); !good) return good;
    // First, so that it is known who we are.
    if (const auto open = sessions().open(config.listen, config.listen_implicit); !open) return open;
    std::vector<endpoint> listeners;
    for (const int socket : service::sockets()) listeners.push_back(net::local_endpoint(socket));
    impl_->base->own.listen_at(std::move(listeners));
    if (const auto listed = impl_->base->list.use(config); !listed) return std::unexpected(listed.error());
    impl_->distrust_those_down(config.spread.fall);
    first->use_kernel();
    sessions().close_own([base = impl_->base](const endpoint& peer, const endpoint& destination) {
        return base->own.is_leg(peer, destination);
    });
    sessions().run([this](front::arrival from) {
        net::loop& home = from.home;
        home.spawn("gate: session", run_session(std::make_shared<session>(impl_->context.get(), std::move(from))));
    });
    if (const auto open = impl_->base->mirrored.use(config); !open) return open;
    impl_->base->inbound.report(endpoints());
    impl_->base->inbound.start();
    if (config.spread.check != check_stage::off)
        impl_->base->checks.start(first);
    else if (config.look_at_start)
        impl_->home.spawn("gate: look at backends", look_at_start(first, impl_->home));
    return {};
}

void gate::inherit(std::vector<unique_fd> sockets) {
    const auto first = impl_->context.get();
    std::vector<unique_fd> doors;
    for (auto& fd : sockets) {
        const auto port = net::local_endpoint(fd.get()).port;
        const auto& backends = first->config.backends;
        const bool mirrored = std::ranges::any_of(backends, [&](const backend& b) { return b.mirror.contains(port); });
        if (mirrored)
            impl_->base->mirrored.inherit(std::move(fd));
        else
            doors.push_back(std::move(fd));
    }
    service::inherit(std::move(doors));
}

void gate::inherit_down(std::vector<std::string> names) { impl_->down = std::move(names); }

std::vector<int> gate::sockets() const {
    auto all = service::sockets();
    const auto mirrored = impl_->base->mirrored.sockets();
    all.insert(all.end(), mirrored.begin(), mirrored.end());
    return all;
}

std::vector<std::string> gate::down() const {
    std::vector<std::string> out;
    for (const auto& b : backends().backends)
        if (b.health == name(condition::down)) out.push_back(b.name);
    return out;
}

void gate::leave(std::move_only_function<void()> gone) {
    impl_->base->mirrored.stop();
    service::leave(std::move(gone));
}

void gate::return_connections(std::function<bool(int connection)> to_old_process) {
    impl_->base->mirrored.pass_on(std::move(to_old_process));
}

void gate::accept_returned(unique_fd connection) { impl_->base->mirrored.take(std::move(connection)); }

void gate::adjust(const std::vector<backend>& wanted) { impl_->base->list.give(wanted); }

result<std::vector<std::string>> gate::renew(settings s) {
    if (auto good = usable(s); !good) return std::unexpected(good.error());
    const auto old = impl_->context.get();
    if (s.passes_tls() != old->config.passes_tls())
        return fail(errc::syntax, "whether backends have mirrored ports can be changed by a restart only");
    if (auto open = impl_->base->mirrored.use(s); !open) return std::unexpected(std::move(open.error()));
    auto changes = impl_->base->list.use(s);
    if (!changes) return changes;
    apply(s);
    impl_->base->backends.set_rules(s.spread);
    const auto fresh = std::make_shared<session_context>(std::move(s), impl_->base);
    fresh->use_kernel(old.get());
    impl_->context.set(fresh);
    if (fresh->config.spread.check != check_stage::off || old->config.spread.check != check_stage::off)
        impl_->base->checks.start(fresh);
    return changes;
}

status::pool_snapshot gate::backends() const { return impl_->base->backends.snapshot(net::clock::now()); }

void gate::stop(std::chrono::milliseconds grace, front::stopped done) {
    impl_->base->list.stop();
    impl_->base->checks.stop();
    service::stop(grace, [base = impl_->base, done = std::move(done)](bool all_ended) mutable {
        base->mirrored.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::gate
