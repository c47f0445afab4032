#include <sallyport/reach/port_broker.hpp>
#include <sallyport/reach/port_facts.hpp>
#include <sallyport/reach/port_table.hpp>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <sallyport/base/log.hpp>
#include <sallyport/base/seldom.hpp>
#include <sallyport/net/descriptor_room.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::reach {
namespace {

// Ports of the system's choice: kept for each local address, and the most where one client alone needs more.
constexpr std::size_t any_ports = 512;
constexpr std::size_t most_any_ports = 16384;

// A port of another program is tried again after this.
constexpr auto taken_pause = std::chrono::seconds(30);
// Where the range is shared with another process of ours, which keeps no port for longer than a client takes to come.
constexpr auto shared_pause = std::chrono::milliseconds(50);

constexpr std::size_t strangers_kept = 4;

/// Listeners to keep for each local address: they must not eat the descriptors that sessions need.
std::size_t most_listeners() { return std::max<std::size_t>(4, net::descriptor_limit() / 8); }

/// One port on one local address. Guarded by the table's mutex.
struct port {
    // The port; 0: nothing listens yet.
    std::uint16_t number = 0;
    net::loop* owner = nullptr;
    // Lives in the coroutine that accepts; used on the owner's thread only.
    net::listener* listener = nullptr;
    struct stranger {
        ip_address address;
        net::deadline when;
    };
    // The last few, oldest first.
    std::vector<stranger> strangers;
};

struct expectation {
    port_table::slot slot;
    ip_address client;
    friend bool operator==(const expectation&, const expectation&) = default;
};

struct expectation_hash {
    std::size_t operator()(const expectation& e) const noexcept {
        return std::hash<ip_address>()(e.client) ^ (std::size_t{e.slot} * 0x9e3779b97f4a7c15U);
    }
};

}  // namespace

struct port_broker::impl : std::enable_shared_from_this<impl> {
    class port_promise;

    /// The ports of one local address. Never removed, so pointers to it stay good.
    struct group {
        group(const ip_address& at, std::size_t slots, std::size_t shares, std::chrono::seconds rest)
            : local(at), table(slots, shares, rest, most_listeners()), ports(slots) {}
        ip_address local;
        port_table table;
        // By slot; a deque, so that growing moves none.
        std::deque<port> ports;
        std::unordered_map<expectation, std::shared_ptr<port_promise>, expectation_hash> expected;
    };

    impl(net::loop_group& l, const broker_settings& s, status::counters& c) : loops(l), settings(s), counters(c) {}

    [[nodiscard]] bool any_port() const noexcept { return settings.range.first == 0; }
    group& group_at(const ip_address& local);
    result<reservation> reserve(net::loop& home, const ip_address& local, const ip_address& client);
    [[nodiscard]] std::uint16_t outside(port_table::slot s) const noexcept {
        return settings.outside.of(static_cast<std::uint16_t>(settings.range.first + s));
    }
    [[nodiscard]] error exhausted(const group& g, const ip_address& client) const;
    void note_exhausted(const error& why);
    result<void> open(net::loop& home, group& g, port_table::slot s);
    void stop();
    void share(bool with_another);
    static net::task<> give_up_idle(std::shared_ptr<impl> self, net::loop& here);

    static net::task<> accept_on(std::shared_ptr<impl> self, group* g, port_table::slot s, net::listener l);
    static net::task<> admit_proxied(std::shared_ptr<impl> self, net::loop* here, group* g, port_table::slot s,
                                     net::accepted connection);
    void admit(group& g, port_table::slot s, net::accepted connection);
    void note_stranger(const net::accepted& connection);

    net::loop_group& loops;
    const broker_settings settings;
    status::counters& counters;
    // Taken before `mutex` where both are.
    std::mutex opening;
    std::mutex mutex;
    bool stopped = false;
    std::atomic<bool> shared{false};
    seldom exhausted_log{std::chrono::seconds(10)};
    std::unordered_map<ip_address, std::unique_ptr<group>> groups;
};

/// A port of the range, promised to one client.
class port_broker::impl::port_promise final : public promise {
public:
    port_promise(std::shared_ptr<impl> b, group& g, port_table::slot slot, net::loop& l, const terms& t)
        : promise(l, t), broker_(std::move(b)), in_(g), key_{slot, what.client} {}

private:
    void withdraw() override;
    void end() override;
    [[nodiscard]] std::vector<ip_address> strangers() const override;

    std::shared_ptr<impl> broker_;
    group& in_;
    const expectation key_;
    const net::deadline since_ = net::clock::now();
};

// --- the table ---------------------------------------------------------------------------------------------------------

port_broker::impl::group& port_broker::impl::group_at(const ip_address& local) {
    auto& g = groups[local];
    if (!g) {
        const std::size_t slots = any_port() ? any_ports : settings.range.size();
        g = std::make_unique<group>(local, slots, loops.size(), settings.rest);
        for (port_table::slot s = 0; !any_port() && !settings.grabbed_too && s < slots; ++s)
            if (is_hijacked_port(outside(s))) g->table.exclude(s, port_table::time::max());
    }
    return *g;
}

result<reservation> port_broker::impl::reserve(net::loop& home, const ip_address& local, const ip_address& client) {
    std::unique_lock lock(mutex);
    for (;;) {
        if (stopped) return fail(errc::cancelled, "no passive port: the server is stopping");
        group& g = group_at(local);
        const auto now = net::clock::now();
        auto slot = g.table.take(client, home.index(), now);
        if (!slot && any_port() && g.table.size() < most_any_ports) {
            g.table.grow(g.table.size() + any_ports);
            g.ports.resize(g.table.size());
            slot = g.table.take(client, home.index(), now);
        }
        if (!slot) {
            error why = exhausted(g, client);
            lock.unlock();
            note_exhausted(why);
            return std::unexpected(std::move(why));
        }
        if (g.ports[*slot].number == 0) {
            lock.unlock();
            auto opened = open(home, g, *slot);
            lock.lock();
            // It may have been given up again meanwhile.
            if (!opened || g.ports[*slot].number == 0) {
                g.table.undo(client, *slot);
                if (opened) continue;
                if (opened.error().code != errc::busy) return std::unexpected(std::move(opened).error());
                g.table.exclude(*slot, shared ? now + shared_pause : now + taken_pause);
                continue;
            }
        }
        const auto number = g.ports[*slot].number;
        const promise::terms terms{.client = client, .port = number, .told = settings.outside.of(number)};
        auto made = std::make_shared<port_promise>(shared_from_this(), g, *slot, home, terms);
        g.expected.emplace(expectation{*slot, client}, made);
        return reservation(std::move(made));
    }
}

error port_broker::impl::exhausted(const group& g, const ip_address& client) const {
    const auto which = any_port() ? fmt::format("{} ports", g.table.size()) : fmt::format("ports {}", settings.range.text());
    return {errc::exhausted, 0,
            fmt::format("no passive port left: all {} on {} are promised to {} already or held by other programs; close "
                        "other transfers of this client or widen the range",
                        which, g.local.text(), client.text())};
}

void port_broker::impl::note_exhausted(const error& why) {
    status::count(counters.ports_exhausted);
    const auto refused = exhausted_log.due(net::clock::now());
    if (refused) log::warning({}, fmt::format("{} passive negotiations refused with 425; the last: {}", *refused, why.what));
}

result<void> port_broker::impl::open(net::loop& home, group& g, port_table::slot s) {
    const std::lock_guard one_at_a_time(opening);
    {
        const std::lock_guard lock(mutex);
        // Another loop was faster.
        if (g.ports[s].number != 0) return {};
    }
    const auto number = any_port() ? 0U : settings.range.first + s;
    auto listening = net::listener::open(home, {g.local, static_cast<std::uint16_t>(number)});
    if (!listening) return std::unexpected(std::move(listening).error());
    const auto chosen = listening->local().port;
    if (any_port() && is_hijacked_port(chosen)) return fail(errc::busy, fmt::format("port {}", chosen));
    {
        const std::lock_guard lock(mutex);
        g.ports[s].number = chosen;
        g.ports[s].owner = &home;
        g.table.set_open(s);
    }
    home.spawn(fmt::format("passive port {}", chosen), accept_on(shared_from_this(), &g, s, std::move(*listening)));
    return {};
}

// --- arriving connections ----------------------------------------------------------------------------------------------

// The listener lives in this frame, and so ends with its own loop even when other loops still hold the broker.
net::task<> port_broker::impl::accept_on(std::shared_ptr<impl> self, group* g, port_table::slot s, net::listener l) {
    port* p = nullptr;
    net::loop* here = nullptr;
    {
        const std::lock_guard lock(self->mutex);
        if (self->stopped) co_return;
        p = &g->ports[s];
        here = p->owner;
        p->listener = &l;
    }
    for (;;) {
        auto connection = co_await l.accept();
        // Closed by stop(), or given up.
        if (!connection) break;
        if (self->settings.proxies.data && self->settings.proxies.speaks_for_others(connection->peer.address))
            here->spawn("proxied data connection", admit_proxied(self, here, g, s, std::move(*connection)));
        else
            self->admit(*g, s, std::move(*connection));
    }
    const std::lock_guard lock(self->mutex);
    if (p->listener == &l) p->listener = nullptr;
}

net::task<> port_broker::impl::admit_proxied(std::shared_ptr<impl> self, net::loop* here, group* g, port_table::slot s,
                                             net::accepted connection) {
    const endpoint balancer = connection.peer;
    const auto header = co_await take_proxy_header(*here, connection);
    if (header) co_return self->admit(*g, s, std::move(connection));
    status::count(self->counters.strangers_refused);
    log::debug({}, fmt::format("refused a data connection through {} to {}: {}", balancer.text(), connection.local.text(),
                               header.error().text()));
}

void port_broker::impl::admit(group& g, port_table::slot s, net::accepted connection) {
    std::shared_ptr<port_promise> expecting;
    {
        const std::lock_guard lock(mutex);
        port& p = g.ports[s];
        if (const auto it = g.expected.find({s, connection.peer.address});
            it != g.expected.end() && !it->second->is_led_past()) {
            expecting = std::move(it->second);
            // From now on this client is a stranger here as well.
            g.expected.erase(it);
        } else {
            if (p.strangers.size() == strangers_kept) p.strangers.erase(p.strangers.begin());
            p.strangers.push_back({connection.peer.address, net::clock::now()});
        }
    }
    if (!expecting) return note_stranger(connection);
    expecting->bring(std::move(connection));
}

void port_broker::impl::note_stranger(const net::accepted& connection) {
    status::count(counters.strangers_refused);
    if (!log::enabled(log::level::debug)) return;
    const bool balancer = !settings.proxies.data && settings.proxies.speaks_for_others(connection.peer.address);
    log::debug({}, fmt::format("refused a data connection from {} to {}: nobody expects it{}", connection.peer.text(),
                               connection.local.text(),
                               balancer ? "; it is a proxy: let it send PROXY headers on data and trust it with them" : ""));
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
            std::vector<net::listener*> own;
            {
                const std::lock_guard lock(self->mutex);
                for (auto& [local, g] : self->groups) {
                    for (auto& p : g->ports) {
                        if (p.owner == &l && p.listener != nullptr) own.push_back(p.listener);
                    }
                }
            }
            for (auto* listener : own) listener->close();
        });
    }
}

// --- another process with the same range ---------------------------------------------------------------------------------

void port_broker::impl::share(bool with_another) {
    if (any_port() || shared.exchange(with_another) == with_another || !with_another) return;
    for (std::size_t i = 0; i < loops.size(); ++i) {
        loops.at(i).post([self = shared_from_this(), &here = loops.at(i)] {
            here.spawn("shared passive ports", give_up_idle(self, here));
        });
    }
}

net::task<> port_broker::impl::give_up_idle(std::shared_ptr<impl> self, net::loop& here) {
    while (self->shared) {
        std::vector<net::listener*> idle;
        {
            const std::lock_guard lock(self->mutex);
            if (self->stopped) co_return;
            const auto now = net::clock::now();
            for (auto& [local, g] : self->groups) {
                std::set<port_table::slot> wanted;
                for (const auto& [key, promised] : g->expected)
                    if (promised->needs_door(now)) wanted.insert(key.slot);
                for (port_table::slot s = 0; s < g->ports.size(); ++s) {
                    auto& p = g->ports[s];
                    if (p.owner != &here || p.listener == nullptr || wanted.contains(s)) continue;
                    idle.push_back(std::exchange(p.listener, nullptr));
                    p.number = 0;
                    p.owner = nullptr;
                }
            }
        }
        for (auto* listener : idle) listener->close();
        co_await here.sleep_for(shared_pause / 2);
    }
}

// --- promises ----------------------------------------------------------------------------------------------------------

void port_broker::impl::port_promise::withdraw() {
    // May be this object's, so it goes after the lock.
    std::shared_ptr<promise> last;
    const std::lock_guard lock(broker_->mutex);
    if (const auto it = in_.expected.find(key_); it != in_.expected.end() && it->second.get() == this) {
        last = std::move(it->second);
        in_.expected.erase(it);
    }
}

void port_broker::impl::port_promise::end() {
    const std::lock_guard lock(broker_->mutex);
    in_.table.give_back(key_.client, key_.slot, net::clock::now());
}

std::vector<ip_address> port_broker::impl::port_promise::strangers() const {
    std::vector<ip_address> out;
    const std::lock_guard lock(broker_->mutex);
    for (const auto& s : in_.ports[key_.slot].strangers) {
        if (s.when >= since_ && std::ranges::find(out, s.address) == out.end()) out.push_back(s.address);
    }
    return out;
}

// --- the broker --------------------------------------------------------------------------------------------------------

port_broker::port_broker(net::loop_group& loops, broker_settings settings, status::counters& counters)
    : impl_(std::make_shared<impl>(loops, std::move(settings), counters)) {}

port_broker::~port_broker() { stop(); }

result<reservation> port_broker::reserve(net::loop& home, const ip_address& local, const ip_address& client) {
    return impl_->reserve(home, local, client);
}

std::vector<std::uint16_t> port_broker::taken_ports(const ip_address& local) {
    std::vector<std::uint16_t> taken;
    if (impl_->any_port()) return taken;
    const std::lock_guard no_opening(impl_->opening);
    for (port_table::slot s = 0; s < impl_->settings.range.size(); ++s) {
        const auto number = static_cast<std::uint16_t>(impl_->settings.range.first + s);
        {
            const std::lock_guard lock(impl_->mutex);
            // Held by ourselves.
            if (impl_->group_at(local).ports[s].number != 0) continue;
        }
        const net::socket_address at(endpoint{local, number});
        const unique_fd probe(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        net::set_option(probe.get(), SOL_SOCKET, SO_REUSEADDR, 1);
        if (::bind(probe.get(), at.data(), at.length()) == 0 || errno != EADDRINUSE) continue;
        taken.push_back(number);
    }
    return taken;
}

void port_broker::share(bool with_another) { impl_->share(with_another); }

void port_broker::stop() { impl_->stop(); }

}  // namespace sallyport::reach
