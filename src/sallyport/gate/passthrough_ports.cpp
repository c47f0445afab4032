#include <sallyport/gate/passthrough_ports.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/status/session_summary.hpp>

namespace sallyport::gate {

struct passthrough_ports::impl : std::enable_shared_from_this<impl> {
    impl(net::loop_group& l, status::counters& c) : loops(l), counters(c) {}

    /// The listener of one port at one address.
    struct port_listener {
        net::loop& loop;
        int socket;
        // Owned by the accepting coroutine; used on its loop only.
        net::listener* listener = nullptr;
    };
    using listener_map = std::map<endpoint, std::shared_ptr<port_listener>>;
    struct entry {
        std::weak_ptr<passthrough_client> admitted;
        ip_address server;
    };
    // The address of a client and the port range of a backend.
    using key = std::pair<ip_address, port_range>;

    [[nodiscard]] result<unique_fd> bind(const endpoint& at);
    void open(const endpoint& at, unique_fd socket);
    void serve(net::loop& loop, net::accepted_connection accepted);
    static void close(const std::shared_ptr<port_listener>& d);
    static net::task<> accept_all(std::shared_ptr<impl> self, std::shared_ptr<port_listener> at,
                                  std::shared_ptr<net::listener> listener);
    static net::task<> relay_data(std::shared_ptr<impl> self, net::loop* loop, net::accepted_connection accepted,
                                  ip_address server, std::shared_ptr<passthrough_client> admitted);
    [[nodiscard]] std::pair<std::shared_ptr<passthrough_client>, ip_address> find(const ip_address& client,
                                                                                  std::uint16_t port);
    [[nodiscard]] std::optional<port_range> range_in_use(std::uint16_t port);

    net::loop_group& loops;
    status::counters& counters;
    std::chrono::seconds connect_timeout{};
    net::stall_rule stall;
    // Sockets of the old process, until apply().
    std::map<endpoint, unique_fd> inherited;
    std::function<bool(int)> return_to_old_process;
    listener_map listeners;
    // Number of listeners opened so far, to distribute them over the loops.
    std::size_t opened = 0;
    // Guards what follows.
    std::mutex mutex;
    std::map<key, entry> clients;
};

passthrough_ports::passthrough_ports(net::loop_group& loops, status::counters& counters)
    : impl_(std::make_shared<impl>(loops, counters)) {}

// Binds all new ports before any listener is opened or closed.
result<void> passthrough_ports::apply(const settings& config) {
    std::set<ip_address> addresses;
    for (const auto& at : config.listen) addresses.insert(at.address);
    for (const auto& at : config.listen_implicit) addresses.insert(at.address);
    std::set<endpoint> wanted;
    std::map<endpoint, unique_fd> fresh;
    for (const auto& b : config.backends) {
        for (std::uint32_t number = b.passthrough_range.first; number != 0 && number <= b.passthrough_range.last; ++number) {
            const auto port = static_cast<std::uint16_t>(number);
            if (const auto other = impl_->range_in_use(port); other && *other != b.passthrough_range)
                return fail(errc::exhausted,
                            fmt::format("backend {}: port {} is still used by sessions of the backend that had "
                                        "passthrough={}; try again when they have ended",
                                        b.text(), port, other->text()));
            for (const auto& address : addresses) {
                const endpoint at{address, port};
                wanted.insert(at);
                if (impl_->listeners.contains(at)) continue;
                auto bound = impl_->bind(at);
                if (!bound) return std::unexpected(std::move(bound.error()));
                fresh.emplace(at, std::move(*bound));
            }
        }
    }
    for (const auto& [at, socket] : impl_->inherited) frontend::log_unmatched_socket(at);
    impl_->inherited.clear();
    impl_->connect_timeout = config.data_timeout;
    impl_->stall = {.window = config.stall_timeout, .bytes_per_second = config.stall_rate};
    std::erase_if(impl_->listeners, [&](const auto& d) {
        const bool unused = !wanted.contains(d.first) && !impl_->range_in_use(d.first.port);
        if (unused) impl::close(d.second);
        return unused;
    });
    for (auto& [at, socket] : fresh) impl_->open(at, std::move(socket));
    return {};
}

result<unique_fd> passthrough_ports::impl::bind(const endpoint& at) {
    if (auto node = inherited.extract(at)) return std::move(node.mapped());
    return net::listener::bind(at);
}

void passthrough_ports::impl::open(const endpoint& at, unique_fd socket) {
    auto made = std::make_shared<port_listener>(loops.at(opened++ % loops.size()), socket.get());
    listeners.emplace(at, made);
    made->loop.poster()->post([self = shared_from_this(), made, socket = std::move(socket)]() mutable {
        const auto listener = std::make_shared<net::listener>(net::listener::adopt(made->loop, std::move(socket)));
        net::keep_running(made->loop, "gate: passthrough port",
                          [self, made, listener] { return accept_all(self, made, listener); });
    });
}

void passthrough_ports::impl::close(const std::shared_ptr<port_listener>& d) {
    d->loop.poster()->post([d] {
        if (d->listener != nullptr) d->listener->close();
    });
}

std::shared_ptr<passthrough_ports::passthrough_client> passthrough_ports::admit(const backend& at, const ip_address& server,
                                                                                const ip_address& client) {
    const std::scoped_lock lock(impl_->mutex);
    std::erase_if(impl_->clients, [](const auto& g) { return g.second.admitted.expired(); });
    auto& known = impl_->clients[{client, at.passthrough_range}];
    auto admitted = known.admitted.lock();
    if (!admitted) known.admitted = admitted = std::make_shared<passthrough_client>();
    known.server = server;
    return admitted;
}

void passthrough_ports::stop() {
    for (const auto& [at, d] : impl_->listeners) impl::close(d);
}

std::pair<std::shared_ptr<passthrough_ports::passthrough_client>, ip_address> passthrough_ports::impl::find(
    const ip_address& client, std::uint16_t port) {
    const std::scoped_lock lock(mutex);
    for (auto at = clients.lower_bound({client, {}}); at != clients.end() && at->first.first == client; ++at) {
        if (!at->first.second.contains(port)) continue;
        if (auto admitted = at->second.admitted.lock()) return {std::move(admitted), at->second.server};
    }
    return {};
}

/// The range with this port that a client with a session uses.
std::optional<port_range> passthrough_ports::impl::range_in_use(std::uint16_t port) {
    const std::scoped_lock lock(mutex);
    for (const auto& [client_and_range, known] : clients) {
        if (client_and_range.second.contains(port) && !known.admitted.expired()) return client_and_range.second;
    }
    return std::nullopt;
}

net::task<> passthrough_ports::impl::accept_all(std::shared_ptr<impl> self, std::shared_ptr<port_listener> at,
                                                std::shared_ptr<net::listener> listener) {
    at->listener = listener.get();
    for (;;) {
        auto accepted = co_await listener->accept();
        if (!accepted) break;
        const bool unexpected = !self->find(accepted->peer.address, accepted->local.port).first;
        if (unexpected && self->return_to_old_process && self->return_to_old_process(accepted->socket.get())) continue;
        self->serve(at->loop, std::move(*accepted));
    }
    at->listener = nullptr;
}

void passthrough_ports::impl::serve(net::loop& loop, net::accepted_connection accepted) {
    auto [admitted, server] = find(accepted.peer.address, accepted.local.port);
    if (admitted)
        return loop.spawn("gate: passthrough data",
                          relay_data(shared_from_this(), &loop, std::move(accepted), server, std::move(admitted)));
    status::count(counters.unexpected_peers);
    log::write_limited(
        log::level::info, {}, accepted.peer.address,
        fmt::format("Rejected data connection from unexpected peer {} to {}", accepted.peer.text(), accepted.local.text()));
}

// ---- Graceful restart

void passthrough_ports::inherit(unique_fd socket) {
    const endpoint at = net::local_endpoint(socket.get());
    impl_->inherited.insert_or_assign(at, std::move(socket));
}

void passthrough_ports::set_return_handler(std::function<bool(int connection)> to_old_process) {
    impl_->return_to_old_process = std::move(to_old_process);
}

std::vector<int> passthrough_ports::sockets() const {
    std::vector<int> out;
    for (const auto& [at, d] : impl_->listeners) out.push_back(d->socket);
    return out;
}

void passthrough_ports::accept_returned(unique_fd connection) {
    const endpoint local = net::local_endpoint(connection.get());
    const endpoint peer = net::peer_endpoint(connection.get());
    impl_->serve(impl_->loops.at(0), {std::move(connection), local, peer});
}

net::task<> passthrough_ports::impl::relay_data(std::shared_ptr<impl> self, net::loop* loop,
                                                net::accepted_connection accepted, ip_address server,
                                                std::shared_ptr<passthrough_client> admitted) {
    struct running {
        running(passthrough_client& g, status::counters& c) : of(g), counters(c) {
            ++of.running_;
            status::count(counters.transfers_running);
        }
        ~running() {
            of.last_end_ = net::clock::now().time_since_epoch().count();
            --of.running_;
            status::uncount(counters.transfers_running);
        }
        passthrough_client& of;
        status::counters& counters;
    };
    const running one(*admitted, self->counters);
    const auto started_at = net::clock::now();
    const endpoint to{server, accepted.local.port};
    net::stream client(*loop, std::move(accepted.socket), accepted.local, accepted.peer);
    auto connected =
        co_await net::connect(*loop, to, net::connect_options(), net::time_limit::within(self->connect_timeout));
    if (!connected) {
        client.abort();
        status::count(self->counters.transfers_failed);
        log::write_limited(
            log::level::warning, {}, client.peer().address,
            fmt::format("Closed data connection from {}: {}", client.peer().text(), connected.error().text()));
        co_return;
    }
    net::relay_counts counts;
    net::stall_watch stall(self->stall);
    const auto outcome = co_await net::relay(client, *connected, stall.limit(), counts);
    const bool complete = outcome.result == net::relay_result::complete;
    const auto kind = counts.a_to_b > counts.b_to_a ? status::transfer_kind::upload : status::transfer_kind::download;
    count_time(self->counters, kind, net::clock::now() - started_at);
    status::count(complete ? self->counters.transfers_complete : self->counters.transfers_failed);
    status::count(self->counters.bytes_received, counts.a_to_b);
    status::count(self->counters.bytes_sent, counts.b_to_a);
    log::write_limited(
        log::level::info, {}, client.peer().address,
        fmt::format("Data connection of {} with {}: {} bytes to the backend, {} to the client{}", client.peer().text(),
                    to.text(), counts.a_to_b, counts.b_to_a, complete ? "" : ", interrupted: " + outcome.cause.text()));
    client.close();
    connected->close();
}

}  // namespace sallyport::gate
