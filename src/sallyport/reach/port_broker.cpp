#include <sallyport/base/ports.hpp>
#include <sallyport/reach/known_ports.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/reach/port_table.hpp>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <sallyport/base/log.hpp>
#include <sallyport/base/log_limiter.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/descriptor_usage.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::reach {
namespace {

// Ports that the system chooses: how many stay open for each local address, and the maximum if one client needs more.
constexpr std::size_t system_ports = 512;
constexpr std::size_t max_system_ports = 16384;

// A port that another program uses is tried again after this time.
constexpr auto in_use_retry_delay = std::chrono::seconds(30);
// The same during a graceful restart: the other process keeps a port only until the client has connected.
constexpr auto shared_range_interval = std::chrono::milliseconds(50);

// How many are stored for each port.
constexpr std::size_t max_unexpected_peers = 4;

/// Listeners for each local address that stay open. Sessions need descriptors too.
std::size_t max_listeners() { return std::max<std::size_t>(4, net::descriptor_limit() / 8); }

/// One port on one local address. Guarded by the table's mutex.
struct port {
    // The port; 0: it has no listener yet.
    std::uint16_t number = 0;
    net::loop* owner = nullptr;
    // For different clients.
    std::size_t reservations = 0;
    // Owned by the coroutine that accepts on it; used on the owner's thread only.
    net::listener* listener = nullptr;
    struct unexpected_peer {
        ip_address address;
        net::deadline when;
    };
    // The last few, oldest first.
    std::vector<unexpected_peer> unexpected_peers;
};

struct reservation_key {
    port_table::slot slot;
    ip_address client;
    friend bool operator==(const reservation_key&, const reservation_key&) = default;
};

struct reservation_key_hash {
    std::size_t operator()(const reservation_key& e) const noexcept {
        return std::hash<ip_address>()(e.client) ^ (std::size_t{e.slot} * 0x9e3779b97f4a7c15U);
    }
};

}  // namespace

struct port_broker::impl : std::enable_shared_from_this<impl> {
    class expected_connection;

    /// The ports of one local address. Never removed, so pointers to it stay good.
    struct group {
        group(const ip_address& at, std::size_t slots, std::size_t shares, std::chrono::seconds cooldown)
            : local(at), table(slots, shares, cooldown, max_listeners()), ports(slots) {}
        ip_address local;
        port_table table;
        // Indexed by slot; in a deque, elements stay in place when it grows.
        std::deque<port> ports;
        // Those with reservations.
        std::size_t in_use = 0;
        std::unordered_map<reservation_key, std::shared_ptr<expected_connection>, reservation_key_hash> expected;
    };

    impl(net::loop_group& l, const broker_settings& s, status::counters& c)
        : loops(l), settings(s), usable_ports(count_usable_ports()), counters(c) {}

    [[nodiscard]] bool uses_system_ports() const noexcept { return settings.range.first == 0; }
    group& group_at(const ip_address& local);
    result<port_reservation> reserve(net::loop& loop, const ip_address& local, const ip_address& client, bool collects,
                                     const mapped_ports* router);
    [[nodiscard]] std::optional<slot_set> forwarded_slots(const mapped_ports* router) const;
    [[nodiscard]] std::uint16_t external_port(port_table::slot s) const noexcept {
        return settings.external.of(static_cast<std::uint16_t>(settings.range.first + s));
    }
    /// REQUIRES: !uses_system_ports()
    [[nodiscard]] bool is_usable(port_table::slot s) const noexcept {
        return settings.use_alg_ports || !is_alg_port(external_port(s));
    }
    [[nodiscard]] std::size_t count_usable_ports() const noexcept;
    [[nodiscard]] error exhausted_error(const group& g, const ip_address& client) const;
    void note_exhausted(const error& reason);
    result<void> open(net::loop& loop, group& g, port_table::slot s);
    result<void> open_or_fail(net::loop& loop, group& g, port_table::slot s);
    void stop();
    void share_range(bool with_another);
    static net::task<> close_idle_listeners(std::shared_ptr<impl> self, net::loop& loop);

    static net::task<> accept_on(std::shared_ptr<impl> self, group* g, port_table::slot s, std::shared_ptr<net::listener> l);
    static net::task<> dispatch_proxied(std::shared_ptr<impl> self, net::loop* loop, group* g, port_table::slot s,
                                        net::accepted_connection connection);
    void dispatch(group& g, port_table::slot s, net::accepted_connection connection);
    void note_unexpected_peer(const net::accepted_connection& connection);

    net::loop_group& loops;
    const broker_settings settings;
    // Of the range.
    const std::size_t usable_ports;
    status::counters& counters;
    // Held while a listener is opened; locked before `mutex` if both are.
    std::mutex open_mutex;
    std::mutex mutex;
    bool stopped = false;
    std::atomic<bool> shared{false};
    log_limiter exhausted_log{std::chrono::seconds(10)};
    std::unordered_map<ip_address, std::unique_ptr<group>> groups;
};

/// The listener's side of one reservation.
class port_broker::impl::expected_connection final : public pending_connection {
public:
    expected_connection(std::shared_ptr<impl> b, group& g, port_table::slot slot, net::loop& l, const parameters& p)
        : pending_connection(l, p, b->counters), broker_(std::move(b)), in_(g), key_{slot, params.client} {}

private:
    void stop_accepting() override;
    void release() override;
    [[nodiscard]] std::vector<ip_address> unexpected_peers() const override;

    std::shared_ptr<impl> broker_;
    group& in_;
    const reservation_key key_;
};

// --- the table ---------------------------------------------------------------------------------------------------------

port_broker::impl::group& port_broker::impl::group_at(const ip_address& local) {
    auto& g = groups[local];
    if (!g) {
        const std::size_t slots = uses_system_ports() ? system_ports : settings.range.size();
        g = std::make_unique<group>(local, slots, loops.size(), settings.cooldown);
        for (port_table::slot s = 0; !uses_system_ports() && s < slots; ++s)
            if (!is_usable(s)) g->table.exclude(s, port_table::time::max());
    }
    return *g;
}

std::size_t port_broker::impl::count_usable_ports() const noexcept {
    if (uses_system_ports()) return 0;
    std::size_t count = 0;
    for (port_table::slot s = 0; s < settings.range.size(); ++s)
        if (is_usable(s)) ++count;
    return count;
}

/// Nothing if the router forwards none of the range.
std::optional<slot_set> port_broker::impl::forwarded_slots(const mapped_ports* router) const {
    if (router == nullptr || uses_system_ports()) return std::nullopt;
    std::optional<slot_set> out;
    router->for_each_forwarded([this, &out](std::uint16_t local) {
        if (!settings.range.contains(local)) return;
        if (!out) out.emplace().resize(settings.range.size());
        out->insert(port_table::slot{local} - settings.range.first);
    });
    return out;
}

result<port_reservation> port_broker::impl::reserve(net::loop& loop, const ip_address& local, const ip_address& client,
                                                    bool collects, const mapped_ports* router) {
    const auto forwarded = forwarded_slots(router);
    const auto* const among = forwarded ? &*forwarded : nullptr;
    std::unique_lock lock(mutex);
    for (;;) {
        if (stopped) return fail(errc::cancelled, "no passive port: the server is stopping");
        group& g = group_at(local);
        const auto now = net::clock::now();
        auto slot = g.table.reserve(client, loop.index(), now, among);
        if (!slot && uses_system_ports() && g.table.size() < max_system_ports) {
            g.table.grow(g.table.size() + system_ports);
            g.ports.resize(g.table.size());
            slot = g.table.reserve(client, loop.index(), now);
        }
        if (!slot) {
            error reason = exhausted_error(g, client);
            lock.unlock();
            note_exhausted(reason);
            return std::unexpected(std::move(reason));
        }
        if (g.ports[*slot].number == 0) {
            lock.unlock();
            auto opened = open_or_fail(loop, g, *slot);
            lock.lock();
            // close_idle_listeners() may have closed it again meanwhile.
            if (!opened || g.ports[*slot].number == 0) {
                g.table.cancel(client, *slot);
                if (opened) continue;
                if (opened.error().code != errc::busy) return std::unexpected(std::move(opened).error());
                g.table.exclude(*slot, shared ? now + shared_range_interval : now + in_use_retry_delay);
                continue;
            }
        }
        const auto number = g.ports[*slot].number;
        const pending_connection::parameters parameters{
            .client = client,
            .port = number,
            .advertised_port = advertised_port(number, router, settings.external),
            .collects = collects};
        try {
            auto made = std::make_shared<expected_connection>(shared_from_this(), g, *slot, loop, parameters);
            g.expected.emplace(reservation_key{*slot, client}, made);
            if (g.ports[*slot].reservations++ == 0) ++g.in_use;
            return port_reservation(std::move(made));
        } catch (...) {
            g.table.cancel(client, *slot);
            throw;
        }
    }
}

error port_broker::impl::exhausted_error(const group& g, const ip_address& client) const {
    const auto ports =
        uses_system_ports() ? fmt::format("{} ports", g.table.size()) : fmt::format("ports {}", settings.range.text());
    return {
        errc::exhausted, 0,
        fmt::format("all {} on {} are reserved for {} already or in use by other programs; close other transfers of this "
                    "client or extend --passive-ports",
                    ports, g.local.text(), client.text())};
}

void port_broker::impl::note_exhausted(const error& reason) {
    status::count(counters.ports_exhausted);
    status::count(counters.openings_refused_no_port);
    const auto count = exhausted_log.note(net::clock::now());
    if (count)
        log::warning({}, fmt::format("No passive port available for {} requests (425); last: {}", *count, reason.what));
}

result<void> port_broker::impl::open_or_fail(net::loop& loop, group& g, port_table::slot s) {
    try {
        return open(loop, g, s);
    } catch (const std::bad_alloc&) {
        return fail_without_memory();
    }
}

result<void> port_broker::impl::open(net::loop& loop, group& g, port_table::slot s) {
    const std::lock_guard one_at_a_time(open_mutex);
    {
        const std::lock_guard lock(mutex);
        // Another loop has opened it meanwhile.
        if (g.ports[s].number != 0) return {};
    }
    const auto number = uses_system_ports() ? 0U : settings.range.first + s;
    auto opened = net::listener::open(loop, {g.local, static_cast<std::uint16_t>(number)});
    if (!opened) return std::unexpected(std::move(opened).error());
    const auto chosen = opened->local().port;
    if (uses_system_ports() && is_alg_port(chosen)) return fail(errc::busy, fmt::format("port {}", chosen));
    const auto shared_listener = std::make_shared<net::listener>(std::move(*opened));
    // A port in the table must accept connections.
    const use_memory_reserve reserve;
    {
        const std::lock_guard lock(mutex);
        g.ports[s].number = chosen;
        g.ports[s].owner = &loop;
        g.table.set_open(s);
    }
    net::keep_running(loop, fmt::format("passive port {}", chosen), [self = shared_from_this(), &g, s, shared_listener] {
        return accept_on(self, &g, s, shared_listener);
    });
    return {};
}

// --- arriving connections ----------------------------------------------------------------------------------------------

// The coroutine owns the listener, so it is closed with its own event loop even if other loops still use the broker.
net::task<> port_broker::impl::accept_on(std::shared_ptr<impl> self, group* g, port_table::slot s,
                                         std::shared_ptr<net::listener> l) {
    port* p = nullptr;
    net::loop* loop = nullptr;
    {
        const std::lock_guard lock(self->mutex);
        if (self->stopped) co_return;
        p = &g->ports[s];
        loop = p->owner;
        p->listener = l.get();
    }
    for (;;) {
        auto connection = co_await l->accept();
        // Closed by stop() or close_idle_listeners().
        if (!connection) break;
        if (self->settings.proxies.on_data_connections && self->settings.proxies.is_trusted(connection->peer.address))
            loop->spawn("proxied data connection", dispatch_proxied(self, loop, g, s, std::move(*connection)));
        else
            self->dispatch(*g, s, std::move(*connection));
    }
    const std::lock_guard lock(self->mutex);
    if (p->listener == l.get()) p->listener = nullptr;
}

net::task<> port_broker::impl::dispatch_proxied(std::shared_ptr<impl> self, net::loop* loop, group* g, port_table::slot s,
                                                net::accepted_connection connection) {
    const endpoint load_balancer = connection.peer;
    const auto header = co_await read_proxy_header(*loop, connection);
    if (header) co_return self->dispatch(*g, s, std::move(connection));
    status::count(self->counters.unexpected_peers);
    log::debug({}, fmt::format("Rejected data connection from load balancer {} to {}: {}", load_balancer.text(),
                               connection.local.text(), header.error().text()));
}

void port_broker::impl::dispatch(group& g, port_table::slot s, net::accepted_connection connection) {
    std::shared_ptr<expected_connection> recipient;
    {
        const std::lock_guard lock(mutex);
        port& p = g.ports[s];
        if (const auto it = g.expected.find({s, connection.peer.address});
            it != g.expected.end() && !it->second->is_forwarded()) {
            recipient = it->second;
            // Usually a second connection of this client is unexpected.
            if (!recipient->params.collects) g.expected.erase(it);
        } else {
            if (p.unexpected_peers.size() == max_unexpected_peers) p.unexpected_peers.erase(p.unexpected_peers.begin());
            p.unexpected_peers.push_back({connection.peer.address, net::clock::now()});
        }
    }
    if (!recipient) return note_unexpected_peer(connection);
    recipient->deliver(std::move(connection));
}

void port_broker::impl::note_unexpected_peer(const net::accepted_connection& connection) {
    status::count(counters.unexpected_peers);
    if (!log::enabled(log::level::debug)) return;
    const bool is_load_balancer =
        !settings.proxies.on_data_connections && settings.proxies.is_trusted(connection.peer.address);
    log::debug({},
               fmt::format("Rejected data connection from unexpected peer {} to {}{}", connection.peer.text(),
                           connection.local.text(),
                           is_load_balancer ? "; the peer is a trusted load balancer; enable --proxy-protocol-data if it "
                                              "sends PROXY headers on data connections"
                                            : ""));
}

void port_broker::impl::stop() {
    {
        const std::lock_guard lock(mutex);
        if (stopped) return;
        stopped = true;
    }
    // Each listener is closed on its own loop.
    for (std::size_t i = 0; i < loops.size(); ++i) {
        loops.at(i).post([self = shared_from_this(), &l = loops.at(i)] {
            std::vector<net::listener*> listeners;
            {
                const std::lock_guard lock(self->mutex);
                for (auto& [local, g] : self->groups) {
                    for (auto& p : g->ports) {
                        if (p.owner == &l && p.listener != nullptr) listeners.push_back(p.listener);
                    }
                }
            }
            for (auto* listener : listeners) listener->close();
        });
    }
}

// --- graceful restart: two processes with the same range -----------------------------------------------------------------

void port_broker::impl::share_range(bool with_another) {
    if (uses_system_ports() || shared.exchange(with_another) == with_another || !with_another) return;
    for (std::size_t i = 0; i < loops.size(); ++i) {
        loops.at(i).post([self = shared_from_this(), &loop = loops.at(i)] {
            loop.spawn("shared passive ports", close_idle_listeners(self, loop));
        });
    }
}

net::task<> port_broker::impl::close_idle_listeners(std::shared_ptr<impl> self, net::loop& loop) {
    while (self->shared) {
        std::vector<net::listener*> idle;
        {
            const std::lock_guard lock(self->mutex);
            if (self->stopped) co_return;
            const auto now = net::clock::now();
            for (auto& [local, g] : self->groups) {
                std::set<port_table::slot> needed;
                for (const auto& [key, pending] : g->expected)
                    if (pending->needs_listener(now)) needed.insert(key.slot);
                for (port_table::slot s = 0; s < g->ports.size(); ++s) {
                    auto& p = g->ports[s];
                    if (p.owner != &loop || p.listener == nullptr || needed.contains(s)) continue;
                    idle.push_back(std::exchange(p.listener, nullptr));
                    p.number = 0;
                    p.owner = nullptr;
                }
            }
        }
        for (auto* listener : idle) listener->close();
        co_await loop.sleep_for(shared_range_interval / 2);
    }
}

// --- reservations ------------------------------------------------------------------------------------------------------

void port_broker::impl::expected_connection::stop_accepting() {
    // May be the last reference to this object, so it is released after the lock.
    std::shared_ptr<pending_connection> last;
    const std::lock_guard lock(broker_->mutex);
    if (const auto it = in_.expected.find(key_); it != in_.expected.end() && it->second.get() == this) {
        last = std::move(it->second);
        in_.expected.erase(it);
    }
}

void port_broker::impl::expected_connection::release() {
    const std::lock_guard lock(broker_->mutex);
    in_.table.release(key_.client, key_.slot, net::clock::now());
    if (--in_.ports[key_.slot].reservations == 0) --in_.in_use;
}

std::vector<ip_address> port_broker::impl::expected_connection::unexpected_peers() const {
    std::vector<ip_address> out;
    const std::lock_guard lock(broker_->mutex);
    for (const auto& s : in_.ports[key_.slot].unexpected_peers) {
        if (s.when >= since && std::ranges::find(out, s.address) == out.end()) out.push_back(s.address);
    }
    return out;
}

// --- the broker --------------------------------------------------------------------------------------------------------

port_broker::port_broker(net::loop_group& loops, broker_settings settings, status::counters& counters)
    : impl_(std::make_shared<impl>(loops, std::move(settings), counters)) {}

port_broker::~port_broker() { stop(); }

result<port_reservation> port_broker::reserve(net::loop& loop, const ip_address& local, const ip_address& client,
                                              bool collects, const mapped_ports* router) {
    return impl_->reserve(loop, local, client, collects, router);
}

std::vector<std::uint16_t> port_broker::ports_in_use(const ip_address& local) {
    std::vector<std::uint16_t> in_use;
    if (impl_->uses_system_ports()) return in_use;
    const std::lock_guard no_opening(impl_->open_mutex);
    for (port_table::slot s = 0; s < impl_->settings.range.size(); ++s) {
        const auto number = static_cast<std::uint16_t>(impl_->settings.range.first + s);
        {
            const std::lock_guard lock(impl_->mutex);
            // This process listens there itself.
            if (impl_->group_at(local).ports[s].number != 0) continue;
        }
        const net::socket_address at(endpoint{local, number});
        const unique_fd probe(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        net::set_option(probe.get(), SOL_SOCKET, SO_REUSEADDR, 1);
        if (::bind(probe.get(), at.data(), at.length()) == 0 || errno != EADDRINUSE) continue;
        in_use.push_back(number);
    }
    return in_use;
}

std::optional<port_usage> port_broker::usage() const {
    if (impl_->uses_system_ports()) return std::nullopt;
    port_usage out{.usable = impl_->usable_ports};
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [local, g] : impl_->groups) out.in_use = std::max(out.in_use, g->in_use);
    return out;
}

void port_broker::share_range(bool with_another) { impl_->share_range(with_another); }

void port_broker::stop() { impl_->stop(); }

}  // namespace sallyport::reach
