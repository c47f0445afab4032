#include <sallyport/gate/mirror.hpp>

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::gate {

struct mirrors::impl : std::enable_shared_from_this<impl> {
    impl(net::loop_group& l, status::counters& c) : loops(l), counters(c) {}

    /// One port at one address.
    struct door {
        net::loop& home;
        port_range range;
        net::listener* listener = nullptr;  // lives in the coroutine that accepts; the loop's thread only
    };
    struct entry {
        std::weak_ptr<guest> who;
        ip_address server;
    };
    using key = std::pair<port_range, ip_address>;  // a backend's range, a client's address

    static net::task<> accept_all(std::shared_ptr<impl> self, door* at, net::listener listener);
    static net::task<> carry(std::shared_ptr<impl> self, net::loop* home, net::accepted came, ip_address server,
                             std::shared_ptr<guest> who);
    [[nodiscard]] std::pair<std::shared_ptr<guest>, ip_address> find(const key& k);

    net::loop_group& loops;
    status::counters& counters;
    std::chrono::seconds connect{};
    std::chrono::seconds stall{};
    std::deque<door> doors;  // of which coroutines hold pointers
    std::mutex mutex;
    std::map<key, entry> guests;
};

mirrors::mirrors(net::loop_group& loops, status::counters& counters) : impl_(std::make_shared<impl>(loops, counters)) {}

result<void> mirrors::open(const settings& config) {
    impl_->connect = config.data_connect;
    impl_->stall = config.data_stall;
    std::set<ip_address> addresses;
    for (const auto& at : config.listen) addresses.insert(at.address);
    for (const auto& at : config.listen_implicit) addresses.insert(at.address);
    for (const auto& b : config.backends) {
        for (std::uint32_t port = b.mirror.first; port != 0 && port <= b.mirror.last; ++port) {
            for (const auto& address : addresses) {
                net::loop& home = impl_->loops.at(impl_->doors.size() % impl_->loops.size());
                auto opened = net::listener::open(home, {address, static_cast<std::uint16_t>(port)});
                if (!opened) return std::unexpected(opened.error());
                auto& made = impl_->doors.emplace_back(home, b.mirror);
                home.spawn("gate: mirrored port", impl::accept_all(impl_, &made, std::move(*opened)));
            }
        }
    }
    return {};
}

std::shared_ptr<mirrors::guest> mirrors::admit(const backend& at, const ip_address& server, const ip_address& client) {
    const std::scoped_lock lock(impl_->mutex);
    std::erase_if(impl_->guests, [](const auto& g) { return g.second.who.expired(); });
    auto& here = impl_->guests[{at.mirror, client}];
    auto who = here.who.lock();
    if (!who) here.who = who = std::make_shared<guest>();
    here.server = server;
    return who;
}

void mirrors::stop() {
    for (auto& d : impl_->doors) {
        d.home.mail()->post([self = impl_, &d] {
            if (d.listener != nullptr) d.listener->close();
        });
    }
}

std::pair<std::shared_ptr<mirrors::guest>, ip_address> mirrors::impl::find(const key& k) {
    const std::scoped_lock lock(mutex);
    const auto found = guests.find(k);
    if (found == guests.end()) return {};
    return {found->second.who.lock(), found->second.server};
}

net::task<> mirrors::impl::accept_all(std::shared_ptr<impl> self, door* at, net::listener listener) {
    at->listener = &listener;
    for (;;) {
        auto came = co_await listener.accept();
        if (!came) break;  // closed
        auto [who, server] = self->find({at->range, came->peer.address});
        if (who) {
            at->home.spawn("gate: mirrored data", carry(self, &at->home, std::move(*came), server, std::move(who)));
            continue;
        }
        status::count(self->counters.strangers_refused);
        log::info({}, fmt::format("Refused a data connection from {} to {}: no session there has this address",
                                  came->peer.text(), came->local.text()));
    }
    at->listener = nullptr;
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
        log::warning({}, fmt::format("Data connection from {} cut: {}", client.peer().text(), connected.error().text()));
        co_return;
    }
    net::relay_counts counts;
    const net::time_limit limit{.progress = self->stall};
    const auto outcome = co_await net::relay(client, *connected, limit, counts);
    const bool complete = outcome.end == net::relay_end::complete;
    status::count(complete ? self->counters.transfers_complete : self->counters.transfers_failed);
    status::count(self->counters.bytes_received, counts.a_to_b);
    status::count(self->counters.bytes_sent, counts.b_to_a);
    log::info({}, fmt::format("Data of {} with {}: {} bytes there, {} back{}", client.peer().text(), to.text(),
                              counts.a_to_b, counts.b_to_a, complete ? "" : ", cut: " + outcome.cause.text()));
    client.close();
    connected->close();
}

}  // namespace sallyport::gate
