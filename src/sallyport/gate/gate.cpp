#include <sallyport/gate/gate.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/input_chain.hpp>
#include <sallyport/gate/session.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::gate {

namespace {

/// Descriptors of a session: the two control connections. Of a transfer: two data connections, a pipe between them, a second
/// descriptor for reading ahead, and a passive port.
constexpr frontend::descriptor_need need{.session = 2, .transfer = 6};

}  // namespace

struct gate::impl {
    impl(net::loop& first, std::shared_ptr<session_context> c) : loop(first), base(c->base), context(std::move(c)) {}

    void mark_down_backends(unsigned fall) {
        for (const auto& [id, server] : base->backends.list()) {
            const bool was_down = std::ranges::find(down, server.text()) != down.end();
            for (unsigned i = 0; was_down && i < fall; ++i)
                (void)base->backends.failed(id, "was down before the restart", net::clock::now());
        }
    }

    net::loop& loop;
    const std::shared_ptr<shared_state> base;
    // Names of backends that the old process found down.
    std::vector<std::string> down;
    frontend::current_context<session_context> context;
};

namespace {

/// With TLS passthrough the gateway cannot read the session, so the port has to identify the backend, and the listener the
/// kind of TLS.
[[nodiscard]] result<void> validate_passthrough(const settings& s) {
    for (const auto& b : s.backends) {
        const auto refuse = [&](std::string_view reason) {
            return fail(errc::syntax, fmt::format("backend {}: {}", b.text(), reason));
        };
        if ((b.passthrough_range.first != 0) != s.uses_passthrough())
            return refuse("some backends have passthrough=A-B and others do not; add it to all, or remove it");
        if (b.passthrough_range.first == 0) continue;
        if (!s.backends_file.empty() || b.discovered_by != discovery::none)
            return refuse("passthrough=A-B excludes resolve= and --backends-file; list each backend with --backend");
        if (!b.parameters.users.empty() || !b.parameters.hosts.empty())
            return refuse(
                "passthrough=A-B and users or hosts exclude each other, since the gateway reads neither; remove one of "
                "them");
        if (s.connect_at_login)
            return refuse(
                "passthrough=A-B and --dial login exclude each other, since the gateway does not read USER; remove one of "
                "them");
        if (!s.forward_to.empty())
            return refuse(
                "passthrough=A-B and --forward-to exclude each other, since the gateway does not read USER; remove one "
                "of them");
        if (s.tls) return refuse("passthrough=A-B ends TLS at the backend; remove --tls-cert");
        // A router may grant other numbers; those of the backend's encrypted replies could then lead to another host.
        if (s.passive_data.mapping.is_enabled())
            return refuse(
                fmt::format("ports {} cannot be mapped by --map, since their numbers are in encrypted replies and "
                            "the router may grant others; forward them by hand and remove --map, or remove "
                            "passthrough=",
                            b.passthrough_range.text()));
        if (!(b.tls == backend_tls::implicit ? s.listen : s.listen_implicit).empty())
            return refuse(
                "with passthrough=A-B, ftps:// backends need --listen-tls and ftp:// backends need --listen; use only the "
                "one of them");
        for (const auto& other : s.backends) {
            if (&other != &b && other.passthrough_range.first <= b.passthrough_range.last &&
                b.passthrough_range.first <= other.passthrough_range.last)
                return refuse("another backend has the same ports in passthrough=A-B; use a range of its own for each");
        }
    }
    return {};
}

[[nodiscard]] result<void> validate(const settings& s) {
    if (!s.has_destinations())
        return fail(errc::syntax, "a gateway needs at least one backend, or servers that clients may name");
    for (const auto& rule : s.interception.rules)
        if (rule.tls == intercepted_tls::end && !s.tls)
            return fail(errc::syntax, "tls=end of an interception needs a certificate; add --tls-cert FILE");
    if (auto valid = validate_passthrough(s); !valid || s.uses_passthrough()) return valid;
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

// Sessions that have not ended own the shared state until the loops are destroyed.
gate::~gate() {
    impl_->base->list.stop();
    impl_->base->checks.stop();
    impl_->base->passthrough.stop();
}

result<void> gate::start() {
    const auto first = impl_->context.get();
    const auto& config = first->config;
    if (auto valid = validate(config); !valid) return valid;
    // First, so that the guard knows the gateway's own endpoints.
    if (const auto open = sessions().open(config.listen, config.listen_implicit); !open) return open;
    std::vector<endpoint> listeners;
    for (const int socket : service::sockets()) listeners.push_back(net::local_endpoint(socket));
    if (config.interception.is_enabled()) {
        auto sockets = config.interception.listen();
        if (!sockets) return std::unexpected(std::move(sockets.error()));
        for (const auto& [rule, socket] : *sockets) {
            sessions().open_intercepting(socket, rule);
            listeners.push_back(net::local_endpoint(socket.get()));
        }
    }
    impl_->base->guard.set_listeners(std::move(listeners));
    if (const auto listed = impl_->base->list.apply(config); !listed) return std::unexpected(listed.error());
    impl_->mark_down_backends(config.balancing.fall);
    if (auto enabled = first->enable_openings(); !enabled) return enabled;
    sessions().close_self_connections([base = impl_->base](const endpoint& peer, const endpoint& destination) {
        return base->guard.is_from_gateway(peer, destination);
    });
    sessions().run([this](frontend::admitted_connection from) {
        net::loop& loop = from.loop;
        loop.spawn("gate: session", run_session(std::make_shared<session>(impl_->context.get(), std::move(from))));
    });
    if (const auto open = impl_->base->passthrough.apply(config); !open) return open;
    impl_->base->passive_data.report(endpoints());
    impl_->base->passive_data.start(endpoints());
    if (config.interception.is_enabled()) {
        if (const auto started = config.interception.start(); !started) return started;
        if (config.interception.dropped_requests)
            net::keep_running(impl_->loop, "gate: input chain", [&loop = impl_->loop, interception = config.interception] {
                return watch_input_chain(loop, interception);
            });
    }
    if (config.balancing.check != check_level::off)
        impl_->base->checks.start(first);
    else if (config.check_at_start)
        impl_->loop.spawn("gate: check backends at start", check_at_start(first, impl_->loop));
    return {};
}

void gate::adopt_sockets(std::vector<unique_fd> sockets) {
    const auto first = impl_->context.get();
    std::vector<unique_fd> listeners;
    for (auto& fd : sockets) {
        const auto port = net::local_endpoint(fd.get()).port;
        const auto& backends = first->config.backends;
        const bool is_passthrough =
            std::ranges::any_of(backends, [&](const backend& b) { return b.passthrough_range.contains(port); });
        if (is_passthrough)
            impl_->base->passthrough.inherit(std::move(fd));
        else
            listeners.push_back(std::move(fd));
    }
    service::adopt_sockets(std::move(listeners));
}

void gate::set_down_backends(std::vector<std::string> names) { impl_->down = std::move(names); }

std::vector<int> gate::sockets() const {
    auto all = service::sockets();
    const auto passthrough = impl_->base->passthrough.sockets();
    all.insert(all.end(), passthrough.begin(), passthrough.end());
    return all;
}

std::vector<std::string> gate::down_backends() const {
    std::vector<std::string> out;
    for (const auto& b : backends().backends)
        if (b.health == name(health_state::down)) out.push_back(b.name);
    return out;
}

void gate::start_draining(std::move_only_function<void()> on_drained) {
    impl_->base->passthrough.stop();
    service::start_draining(std::move(on_drained));
}

void gate::return_connections(std::function<bool(int connection)> to_old_process) {
    impl_->base->passthrough.set_return_handler(std::move(to_old_process));
}

void gate::accept_returned(unique_fd connection) { impl_->base->passthrough.accept_returned(std::move(connection)); }

void gate::set_backends(const std::vector<backend>& wanted) { impl_->base->list.update(wanted); }

result<std::vector<std::string>> gate::reload(settings s) {
    if (auto valid = validate(s); !valid) return std::unexpected(valid.error());
    const auto old = impl_->context.get();
    // Listeners and rules of the kernel stay as they were at the start.
    s.interception = old->config.interception;
    if (s.uses_passthrough() != old->config.uses_passthrough())
        return fail(errc::syntax, "passthrough=A-B can be added or removed only with a restart");
    if (auto open = impl_->base->passthrough.apply(s); !open) return std::unexpected(std::move(open.error()));
    auto changes = impl_->base->list.apply(s);
    if (!changes) return changes;
    apply(s);
    impl_->base->backends.set_rules(s.balancing);
    const auto fresh = std::make_shared<session_context>(std::move(s), impl_->base);
    if (auto enabled = fresh->enable_openings(old.get()); !enabled) return std::unexpected(std::move(enabled.error()));
    impl_->context.set(fresh);
    if (fresh->config.balancing.check != check_level::off || old->config.balancing.check != check_level::off)
        impl_->base->checks.start(fresh);
    return changes;
}

status::pool_snapshot gate::backends() const { return impl_->base->backends.snapshot(net::clock::now()); }

void gate::stop(std::chrono::milliseconds grace, frontend::stop_handler done) {
    impl_->base->list.stop();
    impl_->base->checks.stop();
    service::stop(grace, [base = impl_->base, done = std::move(done)](bool all_ended) mutable {
        base->passthrough.stop();
        done(all_ended);
    });
}

}  // namespace sallyport::gate
