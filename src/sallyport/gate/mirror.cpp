#include <sallyport/gate/mirror.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::gate {

struct mirrors::impl : std::enable_shared_from_this<impl> {
    impl(net::loop_group& l, status::counters& c) : loops(l), counters(c) {}

    /// One port at one address.
    struct door {
        net::loop& home;
        int socket;
        net::listener* listener = nullptr;  // lives in the coroutine that accepts; the loop's thread only
    };
    using doors_at = std::map<endpoint, std::shared_ptr<door>>;
    struct entry {
        std::weak_ptr<guest> who;
        ip_address server;
    };
    using key = std::pair<ip_address, port_range>;  // a client's address, a backend's range

    [[nodiscard]] result<unique_fd> bind(const endpoint& at);
    void open(const endpoint& at, unique_fd socket);
    void serve(net::loop& home, net::accepted came);
    static void close(const std::shared_ptr<door>& d);
    static net::task<> accept_all(std::shared_ptr<impl> self, std::shared_ptr<door> at, net::listener listener);
    static net::task<> carry(std::shared_ptr<impl> self, net::loop* home, net::accepted came, ip_address server,
                             std::shared_ptr<guest> who);
    [[nodiscard]] std::pair<std::shared_ptr<guest>, ip_address> find(const ip_address& client, std::uint16_t port);
    [[nodiscard]] std::optional<port_range> range_in_use(std::uint16_t port);

    net::loop_group& loops;
    status::counters& counters;
    std::chrono::seconds connect{};
    net::stall_rule stall;
    std::map<endpoint, unique_fd> inherited;  // until use()
    std::function<bool(int)> predecessor;
    doors_at doors;
    std::size_t opened = 0;  // so far
    std::mutex mutex;        // for what follows
    std::map<key, entry> guests;
};

mirrors::mirrors(net::loop_group& loops, status::counters& counters) : impl_(std::make_shared<impl>(loops, counters)) {}

// All is bound before anything is opened or closed.
result<void> mirrors::use(const settings& config) {
    std::set<ip_address> addresses;
    for (const auto& at : config.listen) addresses.insert(at.address);
    for (const auto& at : config.listen_implicit) addresses.insert(at.address);
    std::set<endpoint> wanted;
    std::map<endpoint, unique_fd> fresh;
    for (const auto& b : config.backends) {
        for (std::uint32_t number = b.mirror.first; number != 0 && number <= b.mirror.last; ++number) {
            const auto port = static_cast<std::uint16_t>(number);
            if (const auto other = impl_->range_in_use(port); other && *other != b.mirror)
                return fail(errc::exhausted,
                            fmt::format("backend {}: its mirrored port {} is still another backend's, whose "
                                        "sessions have {}; try again when they have ended",
                                        b.text(), port, other->text()));
            for (const auto& address : addresses) {
                const endpoint at{address, port};
                wanted.insert(at);
                if (impl_->doors.contains(at)) continue;
                auto bound = impl_->bind(at);
                if (!bound) return std::unexpected(std::move(bound.error()));
                fresh.emplace(at, std::move(*bound));
            }
        }
    }
    for (const auto& [at, socket] : impl_->inherited) front::log_unmatched_socket(at);
    impl_->inherited.clear();
    impl_->connect = config.data_connect;
    impl_->stall = {.window = config.data_stall, .bytes_per_second = config.stall_rate};
    std::erase_if(impl_->doors, [&](const auto& d) {
        const bool over = !wanted.contains(d.first) && !impl_->range_in_use(d.first.port);
        if (over) impl::close(d.second);
        return over;
    });
    for (auto& [at, socket] : fresh) impl_->open(at, std::move(socket));
    return {};
}

result<unique_fd> mirrors::impl::bind(const endpoint& at) {
    if (auto left = inherited.extract(at)) return std::move(left.mapped());
    return net::listener::bind(at);
}

void mirrors::impl::open(const endpoint& at, unique_fd socket) {
    auto made = std::make_shared<door>(loops.at(opened++ % loops.size()), socket.get());
    doors.emplace(at, made);
    made->home.mail()->post([self = shared_from_this(), made, socket = std::move(socket)]() mutable {
        made->home.spawn("gate: mirrored port", accept_all(self, made, net::listener::adopt(made->home, std::move(socket))));
    });
}

void mirrors::impl::close(const std::shared_ptr<door>& d) {
    d->home.mail()->post([d] {
        if (d->listener != nullptr) d->listener->close();
    });
}

std::shared_ptr<mirrors::guest> mirrors::admit(const backend& at, const ip_address& server, const ip_address& client) {
    const std::scoped_lock lock(impl_->mutex);
    std::erase_if(impl_->guests, [](const auto& g) { return g.second.who.expired(); });
    auto& here = impl_->guests[{client, at.mirror}];
    auto who = here.who.lock();
    if (!who) here.who = who = std::make_shared<guest>();
    here.server = server;
    return who;
}

void mirrors::stop() {
    for (const auto& [at, d] : impl_->doors) impl::close(d);
}

std::pair<std::shared_ptr<mirrors::guest>, ip_address> mirrors::impl::find(const ip_address& client, std::uint16_t port) {
    const std::scoped_lock lock(mutex);
    for (auto at = guests.lower_bound({client, {}}); at != guests.end() && at->first.first == client; ++at) {
        if (!at->first.second.contains(port)) continue;
        if (auto who = at->second.who.lock()) return {std::move(who), at->second.server};
    }
    return {};
}

/// That of a guest who is still there.
std::optional<port_range> mirrors::impl::range_in_use(std::uint16_t port) {
    const std::scoped_lock lock(mutex);
    for (const auto& [who, here] : guests) {
        if (who.second.contains(port) && !here.who.expired()) return who.second;
    }
    return std::nullopt;
}

net::task<> mirrors::impl::accept_all(std::shared_ptr<impl> self, std::shared_ptr<door> at, net::listener listener) {
    at->listener = &listener;
    for (;;) {
        auto came = co_await listener.accept();
        if (!came) break;  // closed
        const bool stranger = !self->find(came->peer.address, came->local.port).first;
        if (stranger && self->predecessor && self->predecessor(came->socket.get())) continue;
        self->serve(at->home, std::move(*came));
    }
    at->listener = nullptr;
}

void mirrors::impl::serve(net::loop& home, net::accepted came) {
    auto [who, server] = find(came.peer.address, came.local.port);
    if (who)
        return home.spawn("gate: mirrored data", carry(shared_from_this(), &home, std::move(came), server, std::move(who)));
    status::count(counters.strangers_refused);
    log::write_limited(log::level::info, {}, came.peer.address,
                       fmt::format("Refused a data connection from {} to {}: no session there has this address",
                                   came.peer.text(), came.local.text()));
}

// ---- Succession

void mirrors::inherit(unique_fd socket) {
    const endpoint at = net::local_endpoint(socket.get());
    impl_->inherited.insert_or_assign(at, std::move(socket));
}

void mirrors::pass_on(std::function<bool(int connection)> to_predecessor) { impl_->predecessor = std::move(to_predecessor); }

std::vector<int> mirrors::sockets() const {
    std::vector<int> out;
    for (const auto& [at, d] : impl_->doors) out.push_back(d->socket);
    return out;
}

void mirrors::take(unique_fd connection) {
    const endpoint local = net::local_endpoint(connection.get());
    const endpoint peer = net::peer_endpoint(connection.get());
    impl_->serve(impl_->loops.at(0), {std::move(connection), local, peer});
}

net::task<> mirrors::impl::carry(std::shared_ptr<impl> self, net::loop* home, net::accepted came, ip_address server,
                                 std::shared_ptr<guest> who) {
    struct running {
        running(guest& g, status::counters& c) : of(g), counters(c) {
            ++of.running_;
            status::count(counters.transfers_running);
        }
        ~running() {
            of.last_end_ = net::clock::now().time_since_epoch().count();
            --of.running_;
            status::uncount(counters.transfers_running);
        }
        guest& of;
        status::counters& counters;
    };
    const running one(*who, self->counters);
    const endpoint to{server, came.local.port};
    net::stream client(*home, std::move(came.socket), came.local, came.peer);
    auto connected = co_await net::connect(*home, to, net::connect_options(), net::time_limit::within(self->connect));
    if (!connected) {
        client.abort();
        status::count(self->counters.transfers_failed);
        log::write_limited(log::level::warning, {}, client.peer().address,
                           fmt::format("Data connection from {} cut: {}", client.peer().text(), connected.error().text()));
        co_return;
    }
    net::relay_counts counts;
    net::stall_watch stall(self->stall);
    const auto outcome = co_await net::relay(client, *connected, stall.limit(), counts);
    const bool complete = outcome.end == net::relay_end::complete;
    status::count(complete ? self->counters.transfers_complete : self->counters.transfers_failed);
    status::count(self->counters.bytes_received, counts.a_to_b);
    status::count(self->counters.bytes_sent, counts.b_to_a);
    log::write_limited(log::level::info, {}, client.peer().address,
                       fmt::format("Data of {} with {}: {} bytes there, {} back{}", client.peer().text(), to.text(),
                                   counts.a_to_b, counts.b_to_a, complete ? "" : ", cut: " + outcome.cause.text()));
    client.close();
    connected->close();
}

}  // namespace sallyport::gate
