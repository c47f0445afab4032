#include <sallyport/reach/router_mapping.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/overloaded.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/port_mapper.hpp>
#include <sallyport/reach/random.hpp>
#include <sallyport/reach/router_query.hpp>
#include <sallyport/reach/upnp.hpp>
#include <sallyport/reach/upnp_router.hpp>

namespace sallyport::reach {
namespace {

// How often the clock is checked for a sleep of the machine, which stops timers.
constexpr auto clock_check = std::chrono::seconds(10);
// How often a router that speaks only UPnP is asked for its external address: it reports a change only to subscribers of its
// events, and a subscription needs an HTTP server in this program.
constexpr auto address_check = std::chrono::seconds(15);
// No wait is for less, so that none can occupy the loop.
constexpr auto shortest_wait = std::chrono::milliseconds(5);
constexpr auto announcement_group = std::to_array<std::uint8_t>({224, 0, 0, 1});

// Of UDP on the networks that there are; what is longer is cut.
constexpr std::size_t largest_datagram = 2048;

using shared_socket = std::shared_ptr<net::descriptor>;

/// The time that this machine has slept since its start.
[[nodiscard]] std::chrono::nanoseconds time_asleep() {
    const auto read = [](clockid_t which) {
        timespec now{};
        ::clock_gettime(which, &now);
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    };
    return read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC);
}

/// Receives the router's announcements. All hosts are members of this group, and several programs can listen.
[[nodiscard]] result<unique_fd> open_announcement_socket(address_family family) {
    // An IPv6 socket could have the group ff02::1 on one interface only.
    const auto address = family == address_family::ipv4 ? ip_address::v4(announcement_group) : ip_address::v6({});
    const net::socket_address at({address, announcement_port});
    unique_fd out(::socket(at.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    net::set_option(out.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == address_family::ipv6) net::set_option(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (!out || ::bind(out.get(), at.data(), at.length()) != 0)
        return fail_os(errno, fmt::format("UDP port {}", announcement_port));
    return out;
}

[[nodiscard]] mapping_settings for_family(mapping_settings settings, address_family family) {
    if (family == address_family::ipv6) std::erase(settings.protocols, mapping_protocol::natpmp);
    return settings;
}

/// Interfaces whose gateway is probably not the router to the Internet.
[[nodiscard]] bool is_unusual(std::string_view interface) {
    constexpr auto beginnings =
        std::to_array<std::string_view>({"tun", "tap", "wg", "ppp", "docker", "br-", "virbr", "podman", "cni"});
    return std::ranges::any_of(beginnings, [&](auto each) { return interface.starts_with(each); });
}

}  // namespace

pcp_nonce mapping_nonce() {
    constexpr std::string_view purpose = "sallyport port mappings";
    // The ID is confidential, so it is used as a key and not sent.
    const auto id = read_small_file("/etc/machine-id");
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (id && id->size() > 16 &&
        ::HMAC(::EVP_sha256(), id->data(), static_cast<int>(id->size()),
               reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(), digest.data(), nullptr) != nullptr) {
        pcp_nonce out{};
        std::copy_n(digest.begin(), out.size(), out.begin());
        return out;
    }
    return random_bytes<std::tuple_size_v<pcp_nonce>>();
}

struct router_mapping::impl : std::enable_shared_from_this<impl> {
    impl(net::loop& l, mapping_settings s, pcp_nonce nonce, std::shared_ptr<mapped_ports> p, address_family f)
        : loop(l),
          settings(for_family(std::move(s), f)),
          family(f),
          published(std::move(p)),
          machine({.protocols = settings.protocols, .lease = settings.lease, .nonce = nonce}, published->local_ports()),
          changed(l) {}

    void start(std::move_only_function<void()> notify);
    void stop(std::move_only_function<void()> done);
    void abandon();
    void end();
    void perform();
    void send(const datagram& bytes);
    void publish();
    void report_other_address();
    void look_up_route();
    [[nodiscard]] net::deadline next_address_check() const;
    void check_address();
    void listen_for_notifications(const default_route& route);

    static net::task<> run(std::shared_ptr<impl> self);
    static net::task<> receive(std::shared_ptr<impl> self, shared_socket from);
    using multicast_reader = void (impl::*)(datagram_view bytes, const endpoint& sender);
    static net::task<> receive_multicasts(std::shared_ptr<impl> self, shared_socket from, multicast_reader read);
    [[nodiscard]] bool is_router(const ip_address& sender) const;
    void read_announcement(datagram_view bytes, const endpoint& sender);
    void read_upnp_notification(datagram_view bytes, const endpoint& sender);
    static net::task<> watch_routes(std::shared_ptr<impl> self, shared_socket from);
    static net::task<> search(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at);
    static net::task<> ask_for_address(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at);
    static net::task<> add(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at, add_upnp_mapping wanted);
    static net::task<> remove(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at, remove_upnp_mapping wanted);

    net::loop& loop;
    const mapping_settings settings;
    const address_family family;
    const std::shared_ptr<mapped_ports> published;
    port_mapper machine;
    // Something has happened for which run() waits.
    net::event changed;
    shared_socket router;
    shared_socket announcements;
    shared_socket notifications;
    shared_socket routes;
    // Another object for each route; null without one.
    std::shared_ptr<upnp_router> upnp;
    net::deadline address_checked{};
    std::vector<stun_observation> observations;
    // Both addresses that were reported as different.
    std::optional<std::pair<ip_address, ip_address>> different;
    std::chrono::nanoseconds asleep = time_asleep();
    bool started = false;
    std::move_only_function<void()> on_change;
    std::vector<std::move_only_function<void()>> on_stopped;
    // Guards `seen`.
    mutable std::mutex mutex;
    std::vector<mapping> seen;
};

void router_mapping::impl::start(std::move_only_function<void()> notify) {
    started = true;
    on_change = std::move(notify);
    if (auto opened = open_announcement_socket(family))
        announcements = std::make_shared<net::descriptor>(loop, std::move(*opened));
    else
        log::warning({}, fmt::format("Announcements of routers cannot be received ({}): a restart of the router is noticed "
                                     "when mappings are renewed",
                                     opened.error().text()));
    if (auto opened = open_route_watch())
        routes = std::make_shared<net::descriptor>(loop, std::move(*opened));
    else
        log::warning({}, fmt::format("A change of the default route will not be noticed: {}", opened.error().text()));
    look_up_route();
    const auto self = shared_from_this();
    if (announcements)
        net::keep_running(loop, "router announcements",
                          [self] { return receive_multicasts(self, self->announcements, &impl::read_announcement); });
    if (routes) net::keep_running(loop, "route changes", [self] { return watch_routes(self, self->routes); });
    net::keep_running(loop, "port mappings", [self] { return run(self); });
}

void router_mapping::impl::look_up_route() {
    const auto now = net::clock::now();
    auto found = find_default_route(settings.interface, family);
    if (found && is_early(*found))
        found = fail(errc::unsupported, "the link-local address of this machine is not ready yet");
    // Only a public IPv6 address is one that clients connect to. Networks without IPv6 are nothing to report.
    if (!found || (family == address_family::ipv6 && !found->own.is_public())) {
        upnp.reset();
        std::string why_not;
        if (family == address_family::ipv4)
            why_not = fmt::format("No router to ask for port mappings: {}; asking when there is one", found.error().what);
        else if (!found && found.error().code == errc::unsupported)
            why_not = fmt::format("No ports can be opened for IPv6: {}; trying again when the addresses change",
                                  found.error().what);
        machine.set_route(std::nullopt, now, why_not);
        return;
    }
    const auto& route = *found;
    if (machine.route() == route) return;
    for (auto* socket : {&router, &notifications})
        if (*socket) std::exchange(*socket, nullptr)->close();
    upnp.reset();
    auto opened = open_router_socket(route);
    if (!opened) {
        machine.set_route(std::nullopt, now, opened.error().text());
        return;
    }
    if (family == address_family::ipv4 && settings.interface.empty() && is_unusual(route.interface))
        log::info({},
                  fmt::format("Asking {} for port mappings, the gateway of the default route through {}; if that is a VPN "
                              "or a bridge, name another interface with --map-interface",
                              route.gateway.text(), escape(route.interface, 100)));
    router = std::make_shared<net::descriptor>(loop, std::move(*opened));
    net::keep_running(loop, "router", [self = shared_from_this(), socket = router] { return receive(self, socket); });
    listen_for_notifications(route);
    upnp = std::make_shared<upnp_router>(loop, route);
    machine.set_route(route, now);
}

void router_mapping::impl::listen_for_notifications(const default_route& route) {
    if (std::ranges::find(settings.protocols, mapping_protocol::upnp) == settings.protocols.end()) return;
    auto opened = open_notifications(route);
    if (!opened) {
        log::warning({},
                     fmt::format("Notifications of UPnP cannot be received ({}): a restart of a router that has UPnP alone "
                                 "is noticed when mappings are renewed",
                                 opened.error().text()));
        return;
    }
    notifications = std::make_shared<net::descriptor>(loop, std::move(*opened));
    net::keep_running(loop, "UPnP notifications", [self = shared_from_this(), socket = notifications] {
        return receive_multicasts(self, socket, &impl::read_upnp_notification);
    });
}

net::task<> router_mapping::impl::run(std::shared_ptr<impl> self) {
    while (!self->machine.is_stopped()) {
        self->changed.clear();
        self->perform();
        self->publish();
        if (self->machine.is_stopped()) break;
        const auto now = net::clock::now();
        const auto next = std::min<net::deadline>(self->machine.next_timeout(), self->next_address_check());
        co_await self->changed.wait(std::clamp<net::deadline>(next, now + shortest_wait, now + clock_check));
        if (const auto slept = time_asleep(); slept - self->asleep > std::chrono::seconds(1)) {
            self->asleep = slept;
            self->machine.clock_jumped(net::clock::now());
        }
        self->machine.tick(net::clock::now());
        self->check_address();
    }
    self->end();
}

net::deadline router_mapping::impl::next_address_check() const {
    const auto all = machine.mappings();
    const bool is_needed = family == address_family::ipv4 && upnp && std::ranges::any_of(all, [](const mapping& each) {
                               return each.external && each.by == mapping_protocol::upnp;
                           });
    return is_needed ? address_checked + address_check : net::deadline::max();
}

void router_mapping::impl::check_address() {
    const auto now = net::clock::now();
    if (now < next_address_check()) return;
    address_checked = now;
    loop.spawn("UPnP address", ask_for_address(shared_from_this(), upnp));
}

void router_mapping::impl::end() {
    perform();
    publish();
    for (auto* socket : {&router, &announcements, &notifications, &routes})
        if (*socket) (*socket)->close();
    for (auto& done : std::exchange(on_stopped, {})) done();
}

void router_mapping::impl::perform() {
    const auto self = shared_from_this();
    // Requests exist while there is a route only.
    for (auto& action : machine.take_actions())
        std::visit(overloaded{[&](const send_to_router& a) { send(a.bytes); },
                              [&](const search_upnp&) {
                                  if (upnp) loop.spawn("UPnP search", search(self, upnp));
                              },
                              [&](const add_upnp_mapping& a) {
                                  if (upnp) loop.spawn("UPnP", add(self, upnp, a));
                              },
                              [&](const remove_upnp_mapping& a) {
                                  if (upnp) loop.spawn("UPnP", remove(self, upnp, a));
                              },
                              [&](const report_line& a) {
                                  if (a.warning)
                                      log::warning({}, a.text);
                                  else
                                      log::info({}, a.text);
                              }},
                   action);
}

void router_mapping::impl::send(const datagram& bytes) {
    if (!router) return;
    // The first failure may be that of an earlier datagram.
    for (int i = 0; i < 2; ++i)
        if (::send(router->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return;
}

void router_mapping::impl::publish() {
    auto now = machine.mappings();
    const bool running = !machine.is_stopped();
    for (const auto& each : now)
        published->set(each.local_port, running && each.external ? std::optional(each.external->port) : std::nullopt);
    if (family == address_family::ipv4) {
        published->set_address(running ? external_address(machine.external_address(), observations) : std::nullopt);
        report_other_address();
    } else {
        // Where there is no IPv6, nothing is to be forwarded.
        if (!machine.route()) now.clear();
        for (auto& each : now) each.is_v6 = true;
    }
    {
        const std::lock_guard lock(mutex);
        seen.swap(now);
    }
    if (on_change) on_change();
}

/// Logs once that STUN servers agree on another address than the router's.
void router_mapping::impl::report_other_address() {
    const auto router_address = machine.external_address();
    const auto outside = agreed_address(observations, router_address);
    if (!router_address || !outside || outside == router_address || !outside->is_public()) {
        different.reset();
        return;
    }
    if (std::exchange(different, std::pair(*router_address, *outside)) == std::pair(*router_address, *outside)) return;
    log::warning({}, fmt::format("STUN servers see the address {}, and the router's is {}: there is another NAT between the "
                                 "router and the Internet; forward the ports there as well, or use IPv6",
                                 outside->text(), router_address->text()));
}

// --- what comes in -----------------------------------------------------------------------------------------------------

net::task<> router_mapping::impl::receive(std::shared_ptr<impl> self, shared_socket from) {
    std::array<std::uint8_t, max_pcp_message + 1> block{};
    while (self->router == from && !self->machine.is_stopped()) {
        const auto size = ::recv(from->get(), block.data(), block.size(), MSG_DONTWAIT);
        const auto now = net::clock::now();
        if (size >= 0)
            self->machine.receive(datagram_view(block).first(static_cast<std::size_t>(size)), now);
        else if (errno == ECONNREFUSED)
            self->machine.router_refused(now);
        else if (errno == EAGAIN) {
            if (co_await from->readable(net::deadline::max()) == net::wait_result::cancelled) co_return;
            continue;
        } else if (errno == EBADF) {
            co_return;
        }
        self->changed.set();
        // A flood must not occupy the loop.
        co_await self->loop.yield();
    }
}

net::task<> router_mapping::impl::receive_multicasts(std::shared_ptr<impl> self, shared_socket from, multicast_reader read) {
    std::array<std::uint8_t, largest_datagram> block{};
    while (!self->machine.is_stopped()) {
        net::socket_address sender;
        const auto size = ::recvfrom(from->get(), block.data(), block.size(), MSG_DONTWAIT, sender.data(), sender.size());
        if (size < 0) {
            if (errno == EBADF || co_await from->readable(net::deadline::max()) == net::wait_result::cancelled) co_return;
            continue;
        }
        // A flood must not occupy the loop.
        co_await self->loop.yield();
        if (!self->is_router(sender.value().address)) continue;
        ((*self).*read)(datagram_view(block).first(static_cast<std::size_t>(size)), sender.value());
        self->changed.set();
    }
}

/// Whether it may be the default gateway. A router announces from its link-local address, which is the gateway's as a rule.
bool router_mapping::impl::is_router(const ip_address& sender) const {
    const auto& route = machine.route();
    if (!route) return false;
    const bool announces_elsewhere = family == address_family::ipv6 && !route->gateway.is_link_local();
    return sender == route->gateway || (announces_elsewhere && sender.is_link_local());
}

void router_mapping::impl::read_announcement(datagram_view bytes, const endpoint& sender) {
    if (sender.port == router_port) machine.announced(bytes, net::clock::now());
}

void router_mapping::impl::read_upnp_notification(datagram_view bytes, const endpoint& /*sender*/) {
    if (upnp && upnp->has_restarted({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
        machine.upnp_restarted(net::clock::now());
}

net::task<> router_mapping::impl::watch_routes(std::shared_ptr<impl> self, shared_socket from) {
    while (!self->machine.is_stopped()) {
        const bool changed = co_await wait_for_route_change(*from);
        if (!changed) co_return;
        self->look_up_route();
        self->changed.set();
    }
}

// --- UPnP --------------------------------------------------------------------------------------------------------------

net::task<> router_mapping::impl::search(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at) {
    auto address = co_await at->search();
    // The result of an old router.
    if (self->upnp != at) co_return;
    self->machine.upnp_found(std::move(address), net::clock::now());
    self->changed.set();
}

net::task<> router_mapping::impl::ask_for_address(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at) {
    const auto address = co_await at->external_address();
    // Without an answer, the renewals of the mappings decide.
    if (self->upnp != at || !address) co_return;
    self->machine.upnp_found(*address, net::clock::now());
    self->changed.set();
}

net::task<> router_mapping::impl::add(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at, add_upnp_mapping wanted) {
    auto granted = co_await at->add(wanted);
    if (self->upnp != at) co_return;
    self->machine.upnp_added(wanted.local_port, std::move(granted), net::clock::now());
    self->changed.set();
}

net::task<> router_mapping::impl::remove(std::shared_ptr<impl> self, std::shared_ptr<upnp_router> at,
                                         remove_upnp_mapping wanted) {
    const auto removed = co_await at->remove(wanted);
    if (!removed && wanted.is_granted && self->machine.route())
        log::warning({},
                     fmt::format("Router {} may still forward port {} to port {}: {}; unless that ends by itself, delete "
                                 "it in the router",
                                 self->machine.route()->gateway.text(), wanted.external_port, wanted.local_port,
                                 escape(removed.error().text(), 200)));
    self->machine.upnp_removed(wanted.local_port, net::clock::now());
    self->changed.set();
}

// --- the end -----------------------------------------------------------------------------------------------------------

void router_mapping::impl::stop(std::move_only_function<void()> done) {
    if (!started || machine.is_stopped()) {
        done();
        return;
    }
    on_stopped.push_back(std::move(done));
    machine.stop(net::clock::now());
    changed.set();
}

void router_mapping::impl::abandon() {
    machine.abandon();
    changed.set();
}

router_mapping::router_mapping(net::loop& loop, mapping_settings settings, pcp_nonce nonce,
                               std::shared_ptr<mapped_ports> publish, address_family family)
    : impl_(std::make_shared<impl>(loop, std::move(settings), nonce, std::move(publish), family)) {}

router_mapping::~router_mapping() {
    impl_->on_change = {};
    impl_->machine.abandon();
}

void router_mapping::start(std::move_only_function<void()> on_change) { impl_->start(std::move(on_change)); }

void router_mapping::set_observations(std::vector<stun_observation> seen) {
    impl_->observations = std::move(seen);
    impl_->changed.set();
}

void router_mapping::stop(std::move_only_function<void()> done) { impl_->stop(std::move(done)); }

void router_mapping::abandon() { impl_->abandon(); }

std::vector<mapping> router_mapping::mappings() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->seen;
}

}  // namespace sallyport::reach
