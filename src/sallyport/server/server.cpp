#include <sallyport/server/server.hpp>

#include <atomic>
#include <deque>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include <sallyport/base/log.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/server/admission.hpp>
#include <sallyport/server/context.hpp>
#include <sallyport/server/session.hpp>
#include <sallyport/server/startup_report.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

/// While stopping: how often to look whether the sessions are gone, and how long after the grace to wait for the last.
constexpr auto stop_look = 10ms;
constexpr auto stop_rest = 500ms;

/// One listening socket of one loop.
struct door {
    net::listener listener;
    bool implicit_tls = false;
};

/// What belongs to one loop and is touched on its thread only, once the loops run.
struct loop_share {
    std::deque<door> doors;  // coroutines hold references to its elements
    std::shared_ptr<session_list> sessions = std::make_shared<session_list>();
};

/// A connection over the limits: told so where it can be told without waiting.
void turn_away(const net::accepted& connection, bool implicit_tls) {
    static constexpr std::string_view text = "421 Too many connections at the moment; try again later.\r\n";
    if (!implicit_tls) (void)::send(connection.socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

struct server::impl : std::enable_shared_from_this<server::impl> {
    impl(net::loop_group& l, settings s, status::counters& counters)
        : loops(l),
          gate(std::make_shared<admission>(s.max_sessions, s.max_sessions_per_address, counters)),
          shared(std::make_shared<context>(l, std::move(s), counters)),
          shares(l.size()) {}

    result<void> open(const endpoint& at, bool implicit_tls);
    static net::task<> accept_all(std::shared_ptr<impl> self, std::size_t index, door& d);
    static net::task<> follow_name(std::shared_ptr<impl> self);
    void stop_loop(std::size_t index, net::deadline grace_end);
    static net::task<> drain(std::shared_ptr<impl> self, std::size_t index, net::deadline grace_end);

    net::loop_group& loops;
    std::shared_ptr<admission> gate;
    std::shared_ptr<context> shared;
    std::vector<loop_share> shares;
    std::vector<endpoint> endpoints;
    std::atomic<std::size_t> loops_draining{0};
    std::move_only_function<void()> stopped;
};

result<void> server::impl::open(const endpoint& at, bool implicit_tls) {
    endpoint real = at;
    if (loops.size() > 1 && at.port != 0) {
        // With SO_REUSEPORT a second server of the same user would share the port unnoticed: ask for it alone first.
        const result<net::listener> alone = net::listener::open(loops.at(0), at);
        if (!alone) return std::unexpected(alone.error());
    }
    for (std::size_t i = 0; i < loops.size(); ++i) {
        result<net::listener> opened = net::listener::open(loops.at(i), real, {.reuse_port = loops.size() > 1});
        if (!opened) return std::unexpected(opened.error());
        real = opened->local();
        shares[i].doors.emplace_back(std::move(*opened), implicit_tls);
    }
    endpoints.push_back(real);
    return {};
}

net::task<> server::impl::accept_all(std::shared_ptr<impl> self, std::size_t index, door& d) {
    net::loop& home = self->loops.at(index);
    for (;;) {
        result<net::accepted> came = co_await d.listener.accept();
        if (!came) co_return;  // closed: the server is being stopped
        std::optional<ticket> admitted = self->gate->admit(came->peer.address);
        if (!admitted) {
            turn_away(*came, d.implicit_tls);
            continue;
        }
        auto s = std::make_shared<session>(self->shared, home, std::move(*came), d.implicit_tls, std::move(*admitted),
                                           self->shares[index].sessions);
        home.spawn("session", session::serve(std::move(s)));
    }
}

net::task<> server::impl::follow_name(std::shared_ptr<impl> self) {
    const result<void> found = co_await self->shared->advisor.start();
    if (!found)
        log::warning({},
                     fmt::format("external address {}: {}; PASV tells the address that the client reached until it resolves",
                                 self->shared->config.external_address, found.error().text()));
}

void server::impl::stop_loop(std::size_t index, net::deadline grace_end) {
    for (door& d : shares[index].doors) d.listener.close();
    shares[index].sessions->for_each(&session::stop);
    loops.at(index).spawn("stop", drain(shared_from_this(), index, grace_end));
}

net::task<> server::impl::drain(std::shared_ptr<impl> self, std::size_t index, net::deadline grace_end) {
    net::loop& home = self->loops.at(index);
    session_list& sessions = *self->shares[index].sessions;
    while (!sessions.empty() && net::clock::now() < grace_end) co_await home.sleep_for(stop_look);
    if (!sessions.empty()) sessions.for_each(&session::kill);
    // What still holds on then waits for a disk that does not answer; the process need not.
    const net::deadline last = net::clock::now() + stop_rest;
    while (!sessions.empty() && net::clock::now() < last) co_await home.sleep_for(stop_look);
    if (--self->loops_draining == 0) {
        self->loops.at(0).post([self] {
            self->shared->ports.stop();
            self->shared->advisor.stop();
            if (self->stopped) std::exchange(self->stopped, {})();
        });
    }
}

server::server(net::loop_group& loops, settings s, status::counters& counters)
    : impl_(std::make_shared<impl>(loops, std::move(s), counters)) {}

// What is bound to the loops goes here, while they are there. A coroutine that never got to its end keeps `impl_` itself
// until the loops are destroyed.
server::~server() {
    for (loop_share& share : impl_->shares) share.doors.clear();
    impl_->shared.reset();
}

result<void> server::start() {
    const settings& config = impl_->shared->config;
    if ((config.tls_required || !config.listen_implicit.empty()) && !config.tls)
        return fail(errc::misuse, "TLS is asked for, but there is no certificate; name one, or make TLS optional");
    for (const endpoint& at : config.listen) {
        const result<void> opened = impl_->open(at, false);
        if (!opened) return opened;
    }
    for (const endpoint& at : config.listen_implicit) {
        const result<void> opened = impl_->open(at, true);
        if (!opened) return opened;
    }
    // Only now, when nothing can fail any more, does anything run.
    for (std::size_t i = 0; i < impl_->shares.size(); ++i)
        for (door& d : impl_->shares[i].doors) impl_->loops.at(i).spawn("accept", impl::accept_all(impl_, i, d));
    for (const std::string& line : startup_report(config, impl_->shared->ports, impl_->endpoints)) log::warning({}, line);
    impl_->loops.at(0).spawn("external address", impl::follow_name(impl_));
    return {};
}

std::vector<endpoint> server::endpoints() const { return impl_->endpoints; }

void server::stop(std::chrono::milliseconds grace, std::move_only_function<void()> done) {
    impl_->stopped = std::move(done);
    impl_->loops_draining = impl_->loops.size();
    const net::deadline grace_end = net::clock::now() + grace;
    for (std::size_t i = 0; i < impl_->loops.size(); ++i)
        impl_->loops.at(i).post([self = impl_, i, grace_end] { self->stop_loop(i, grace_end); });
}

}  // namespace sallyport::server
