#include <sallyport/front/front.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/seldom.hpp>
#include <sallyport/front/survey.hpp>
#include <sallyport/net/descriptor_room.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::front {
namespace {

using namespace std::chrono_literals;

/// While stopping: how often to look whether the sessions are gone, and how long killed ones may take to unwind.
constexpr auto stop_look = 10ms;
constexpr auto unwind = 500ms;
/// While a successor has taken over: how often to look whether the last session has ended.
constexpr auto leave_look = 100ms;
/// Between two lines about a gateway that talks to itself.
constexpr auto own_connection_log = 60s;

/// One listening socket of one loop.
struct door {
    net::listener listener;
    reach::door_kind kind;
};

/// What belongs to one loop and is touched on its thread only, once the loops run.
struct loop_share {
    // Coroutines hold references to its elements.
    std::deque<door> doors;
    std::shared_ptr<roster> sessions = std::make_shared<roster>();
    // Connections that are not yet sessions.
    std::size_t arriving = 0;
    bool stopping = false;
};

/// Told so where it can be told without waiting.
void turn_away(const net::accepted& connection, reach::door_kind at, refusal why) {
    log::write_limited(log::level::info, {}, connection.peer.address,
                       fmt::format("Connection from {} turned away: {}", connection.peer.text(), text_of(why)));
    if (at == reach::door_kind::implicit_tls) return;
    const std::string line = fmt::format("421 {}\r\n", text_of(why));
    (void)::send(connection.socket.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// Begins the ids of this process's sessions: its start in milliseconds. A process that takes this one's place, or runs
/// after it, started at another time.
[[nodiscard]] std::string session_id_prefix() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    auto rest = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
    std::string out;
    for (; rest != 0; rest /= 36) out.insert(out.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
    return out;
}

/// How the loops' answers to end_session() come together. It belongs to the loop that asked; a loop that goes down may keep
/// it for longer than the event lives.
struct dismissal {
    std::weak_ptr<net::event> all_answered;
    // Loops that have not answered.
    std::size_t open;
    bool found = false;
};

net::task<> kill_later(std::shared_ptr<session> which, net::loop& home) {
    const std::weak_ptr<session> watched = std::exchange(which, nullptr);
    co_await home.sleep_for(limits::stop_reserve);
    if (const auto left = watched.lock()) left->kill();
}

/// How a connection came.
struct way_here {
    endpoint reached;
    visitor::kind by = visitor::kind::direct;
};

}  // namespace

std::size_t sessions_possible(std::size_t free, const descriptor_need& need) noexcept {
    free -= std::min(free, limits::descriptors_in_reserve);
    const auto all_transfer = free / (need.session + need.transfer);
    const auto some_transfer = (free - std::min(free, limits::descriptors_for_transfers)) / need.session;
    return std::max({std::size_t{1}, all_transfer, some_transfer});
}

void log_unmatched_socket(const endpoint& at) {
    log::warning({}, fmt::format("Closed the socket at {} that was handed to this process: it is not configured to listen "
                                 "there; configure that address, or remove the socket from the service manager",
                                 at.text()));
}

struct front::impl : std::enable_shared_from_this<front::impl> {
    impl(net::loop_group& l, const admission_rules& rules, reach::proxy_trust trusted,
         std::shared_ptr<reach::single_port> single, status::counters& counters, descriptor_need n)
        : loops(l),
          need(n),
          proxies(std::move(trusted)),
          data(std::move(single)),
          gate(std::make_shared<admission>(rules, counters)),
          shares(l.size()) {}

    static net::task<> accept_all(std::shared_ptr<impl> self, std::size_t index, door& d);
    static net::task<> meet_proxied(std::shared_ptr<impl> self, std::size_t index, net::accepted connection,
                                    reach::door_kind at);
    static net::task<> meet_unsorted(std::shared_ptr<impl> self, std::size_t index, net::accepted connection, way_here way,
                                     reach::door_kind at);
    void meet(std::size_t index, net::accepted connection, const way_here& way, reach::door_kind at);
    void let_in(std::size_t index, net::accepted connection, const way_here& way, reach::door_kind at);
    [[nodiscard]] bool is_own_connection(const net::accepted& connection);
    void bound_sessions();
    [[nodiscard]] bool has_header(const net::accepted& connection, reach::door_kind at) const noexcept;
    [[nodiscard]] result<endpoint> listen(const endpoint& at, reach::door_kind kind);
    void stop_loop(std::size_t index, net::deadline grace_end);
    static net::task<> drain(std::shared_ptr<impl> self, std::size_t index, net::deadline grace_end);
    [[nodiscard]] std::vector<net::listener> take_inherited(const endpoint& at);
    void leave_loop(std::size_t index);
    static net::task<> outlive_sessions(std::shared_ptr<impl> self, std::size_t index);

    net::loop_group& loops;
    const descriptor_need need;
    const reach::proxy_trust proxies;
    // Empty where data has ports of its own.
    const std::shared_ptr<reach::single_port> data;
    std::shared_ptr<admission> gate;
    std::vector<loop_share> shares;
    std::vector<endpoint> endpoints;
    std::vector<endpoint> data_endpoints;
    begin_session begin;
    // May be empty.
    std::function<bool(const endpoint&, const endpoint&)> is_own;
    seldom own_connections{own_connection_log};
    // The highest descriptor that a new connection may have.
    int last_for_clients = 0;
    std::atomic<std::size_t> loops_draining{0};
    std::atomic<bool> all_ended{true};
    stopped done;
    std::vector<unique_fd> inherited;
    const std::string id_prefix = session_id_prefix();
    std::atomic<std::uint64_t> sessions_begun{0};
    std::atomic<std::size_t> loops_left{0};
    std::move_only_function<void()> gone;
};

net::task<> front::impl::accept_all(std::shared_ptr<impl> self, std::size_t index, door& d) {
    net::loop& home = self->loops.at(index);
    for (;;) {
        result<net::accepted> came = co_await d.listener.accept();
        // It was closed.
        if (!came) co_return;
        if (self->is_own_connection(*came)) continue;
        // The system gives out the lowest number that is free, so a high one says how many are in use.
        if (came->socket.get() > self->last_for_clients) {
            turn_away(*came, d.kind, self->gate->turn_away_unseen());
        } else if (self->has_header(*came, d.kind)) {
            home.spawn("proxied connection", meet_proxied(self, index, std::move(*came), d.kind));
        } else {
            const way_here way{came->local};
            self->meet(index, std::move(*came), way, d.kind);
        }
    }
}

/// What leads from a gateway back to itself would go round until nothing is left.
bool front::impl::is_own_connection(const net::accepted& connection) {
    if (!is_own) return false;
    if (!is_own(connection.peer, connection.local)) {
        const auto before_nat = net::original_destination(connection.socket.get());
        if (!before_nat || !is_own(connection.peer, *before_nat)) return false;
    }
    if (const auto times = own_connections.due(net::clock::now())) {
        log::warning({},
                     fmt::format("Closed a connection from {} to {}: it comes from this gateway itself, so the address of a "
                                 "backend leads back to this gateway; correct the backends ({} since the last such line)",
                                 connection.peer.text(), connection.local.text(), *times));
    }
    return true;
}

bool front::impl::has_header(const net::accepted& connection, reach::door_kind at) const noexcept {
    return proxies.speaks_for_others(connection.peer.address) && (at != reach::door_kind::data || proxies.data);
}

net::task<> front::impl::meet_proxied(std::shared_ptr<impl> self, std::size_t index, net::accepted connection,
                                      reach::door_kind at) {
    const endpoint balancer = connection.peer;
    ++self->shares[index].arriving;
    const result<proto::proxy_header> header = co_await reach::take_proxy_header(self->loops.at(index), connection);
    --self->shares[index].arriving;
    if (!header) {
        // Health checks that only connect are daily bread.
        const auto level = header.error().code == errc::closed ? log::level::debug : log::level::warning;
        log::write_limited(level, {}, balancer.address,
                           fmt::format("Connection through {} dropped: {}", balancer.text(), header.error().text()));
        co_return;
    }
    if (self->is_own_connection(connection)) co_return;
    way_here way{connection.local, visitor::kind::balancer};
    if (header->proxied) way = {header->destination, visitor::kind::reported};
    self->meet(index, std::move(connection), way, at);
}

void front::impl::meet(std::size_t index, net::accepted connection, const way_here& way, reach::door_kind at) {
    if (shares[index].stopping) return;
    if (at != reach::door_kind::data && (!data || !data->expects(connection.peer.address, connection.local.port)))
        return let_in(index, std::move(connection), way, at);
    loops.at(index).spawn("unsorted connection", meet_unsorted(shared_from_this(), index, std::move(connection), way, at));
}

net::task<> front::impl::meet_unsorted(std::shared_ptr<impl> self, std::size_t index, net::accepted connection, way_here way,
                                       reach::door_kind at) {
    ++self->shares[index].arriving;
    std::optional<net::accepted> client = co_await self->data->sort(self->loops.at(index), std::move(connection), at);
    --self->shares[index].arriving;
    if (client && !self->shares[index].stopping) self->let_in(index, std::move(*client), way, at);
}

void front::impl::let_in(std::size_t index, net::accepted connection, const way_here& way, reach::door_kind at) {
    std::expected<ticket, refusal> admitted = gate->admit({connection.peer.address, way.by});
    if (!admitted) return turn_away(connection, at, admitted.error());
    const bool implicit_tls = at == reach::door_kind::implicit_tls;
    begin({fmt::format("{}-{}", id_prefix, ++sessions_begun), loops.at(index), std::move(connection), way.reached,
           implicit_tls, std::move(*admitted), shares[index].sessions});
}

void front::impl::bound_sessions() {
    const auto room = net::descriptor_room::of_process();
    const auto possible = sessions_possible(room.free(), need);
    const auto wanted = gate->bound(possible);
    last_for_clients = static_cast<int>(room.limit - std::min(room.limit, limits::descriptors_in_reserve)) - 1;
    if (possible >= wanted) return;
    log::warning(
        {}, fmt::format("At most {} sessions at a time instead of {} (--max-sessions): this process may open {} files and "
                        "connections. Raise that limit (ulimit -n, or LimitNOFILE= in a systemd unit) or lower "
                        "--max-sessions",
                        possible, wanted, room.limit));
}

void front::impl::stop_loop(std::size_t index, net::deadline grace_end) {
    shares[index].stopping = true;
    for (door& d : shares[index].doors) d.listener.close();
    shares[index].sessions->for_each(&session::stop);
    loops.at(index).spawn("stop", drain(shared_from_this(), index, grace_end));
}

net::task<> front::impl::drain(std::shared_ptr<impl> self, std::size_t index, net::deadline grace_end) {
    net::loop& home = self->loops.at(index);
    roster& sessions = *self->shares[index].sessions;
    while (!sessions.empty() && net::clock::now() < grace_end) co_await home.sleep_for(stop_look);
    if (!sessions.empty()) {
        log::warning({}, fmt::format("{} sessions are cut: they did not end in time", sessions.size()));
        sessions.for_each(&session::kill);
    }
    const net::deadline last = net::clock::now() + unwind;
    while (!sessions.empty() && net::clock::now() < last) co_await home.sleep_for(stop_look);
    if (!sessions.empty()) self->all_ended = false;
    if (--self->loops_draining == 0) self->loops.at(0).post([self] { std::exchange(self->done, {})(self->all_ended); });
}

// ---- Succession

/// One for each loop where some of the sockets fit: a loop that comes away empty shares another one's.
std::vector<net::listener> front::impl::take_inherited(const endpoint& at) {
    std::vector<unique_fd> fitting;
    // 0: that of the first one at this address.
    std::uint16_t port = at.port;
    for (unique_fd& fd : inherited) {
        if (!fd) continue;
        const endpoint there = net::local_endpoint(fd.get());
        if (there.address != at.address || (port != 0 && there.port != port)) continue;
        port = there.port;
        fitting.push_back(std::move(fd));
    }
    std::vector<net::listener> out;
    const std::size_t found = fitting.size();
    for (std::size_t i = 0; found > 0 && i < std::max(found, loops.size()); ++i) {
        unique_fd fd(::fcntl(fitting[i % found].get(), F_DUPFD_CLOEXEC, 0));
        if (fd) out.push_back(net::listener::adopt(loops.at(i % loops.size()), std::move(fd)));
    }
    return out;
}

void front::impl::leave_loop(std::size_t index) {
    for (door& d : shares[index].doors) d.listener.close();
    loops.at(index).spawn("leave", outlive_sessions(shared_from_this(), index));
}

net::task<> front::impl::outlive_sessions(std::shared_ptr<impl> self, std::size_t index) {
    const loop_share& here = self->shares[index];
    while (!here.sessions->empty() || here.arriving > 0) co_await self->loops.at(index).sleep_for(leave_look);
    if (--self->loops_left == 0) self->loops.at(0).post([self] { std::exchange(self->gone, {})(); });
}

void front::inherit(std::vector<unique_fd> sockets) { impl_->inherited = std::move(sockets); }

std::vector<int> front::sockets() const {
    std::vector<int> out;
    for (const loop_share& share : impl_->shares)
        for (const door& d : share.doors) out.push_back(d.listener.native_handle());
    return out;
}

void front::leave(std::move_only_function<void()> gone) {
    impl_->gone = std::move(gone);
    if (impl_->data) impl_->data->leave();
    impl_->loops_left = impl_->loops.size();
    for (std::size_t i = 0; i < impl_->loops.size(); ++i)
        impl_->loops.at(i).post([self = impl_, i] { self->leave_loop(i); });
}

front::front(net::loop_group& loops, const admission_rules& rules, reach::proxy_trust proxies,
             std::shared_ptr<reach::single_port> data, status::counters& counters, descriptor_need need)
    : impl_(std::make_shared<impl>(loops, rules, std::move(proxies), std::move(data), counters, need)) {}

// What is bound to the loops goes here, while they are there. A coroutine that never got to its end keeps `impl_` itself
// until the loops are destroyed.
front::~front() {
    for (loop_share& share : impl_->shares) share.doors.clear();
    impl_->begin = {};
    impl_->is_own = {};
}

result<endpoint> front::impl::listen(const endpoint& at, reach::door_kind kind) {
    endpoint real = at;
    if (auto taken = take_inherited(at); !taken.empty()) {
        real = taken.front().local();
        for (std::size_t i = 0; i < taken.size(); ++i)
            shares[i % loops.size()].doors.emplace_back(std::move(taken[i]), kind);
        return real;
    }
    if (loops.size() > 1 && at.port != 0) {
        // With SO_REUSEPORT a second daemon of the same user would share the port unnoticed: ask for it alone first.
        const result<net::listener> alone = net::listener::open(loops.at(0), at);
        if (!alone) return std::unexpected(alone.error());
    }
    for (std::size_t i = 0; i < loops.size(); ++i) {
        result<net::listener> opened = net::listener::open(loops.at(i), real, {.reuse_port = loops.size() > 1});
        if (!opened) return std::unexpected(opened.error());
        real = opened->local();
        shares[i].doors.emplace_back(std::move(*opened), kind);
    }
    return real;
}

result<void> front::open(std::span<const endpoint> plain, std::span<const endpoint> implicit_tls) {
    for (const auto& [all, implicit] : {std::pair(plain, false), std::pair(implicit_tls, true)}) {
        for (const endpoint& at : all) {
            if (auto opened = open(at, implicit); !opened) return opened;
        }
    }
    return {};
}

result<void> front::open(const endpoint& at, bool implicit_tls) {
    const auto real = impl_->listen(at, implicit_tls ? reach::door_kind::implicit_tls : reach::door_kind::control);
    if (!real) return std::unexpected(real.error());
    impl_->endpoints.push_back(*real);
    const endpoint beside{at.address, impl_->data ? impl_->data->own_port() : std::uint16_t{0}};
    auto& open = impl_->data_endpoints;
    if (beside.port == 0 || std::ranges::find(open, beside) != open.end()) return {};
    const auto data = impl_->listen(beside, reach::door_kind::data);
    if (!data) return std::unexpected(data.error());
    open.push_back(beside);
    return {};
}

void front::close_own(std::function<bool(const endpoint& peer, const endpoint& destination)> is_own) {
    impl_->is_own = std::move(is_own);
}

void front::run(begin_session begin) {
    impl_->begin = std::move(begin);
    for (const unique_fd& left : impl_->inherited)
        if (left) log_unmatched_socket(net::local_endpoint(left.get()));
    impl_->inherited.clear();
    impl_->bound_sessions();
    for (std::size_t i = 0; i < impl_->shares.size(); ++i)
        for (door& d : impl_->shares[i].doors) impl_->loops.at(i).spawn("accept", impl::accept_all(impl_, i, d));
}

void front::set_rules(const admission_rules& rules) { impl_->gate->set_rules(rules); }

std::vector<status::login_penalty> front::login_penalties() const { return impl_->gate->login_penalties(); }

bool front::forgive(const ip_address& from) { return impl_->gate->forgive(from); }

net::task<bool> front::end_session(net::loop& here, std::string id) {
    const auto all_answered = std::make_shared<net::event>(here);
    const auto answers = std::make_shared<dismissal>(all_answered, impl_->loops.size());
    for (std::size_t i = 0; i < impl_->loops.size(); ++i) {
        impl_->loops.at(i).post([self = impl_, answers, &here, id, i] {
            const auto found = self->shares[i].sessions->find(id);
            if (found) {
                found->dismiss();
                self->loops.at(i).spawn("end of a session", kill_later(found, self->loops.at(i)));
            }
            here.post([answers, was_here = found != nullptr] {
                answers->found = answers->found || was_here;
                if (--answers->open > 0) return;
                if (const auto waiting = answers->all_answered.lock()) waiting->set();
            });
        });
    }
    (void)co_await all_answered->wait(net::clock::now() + limits::survey_wait);
    co_return answers->found;
}

net::task<status::session_survey> front::survey(net::loop& here) const {
    std::vector<surveyed> all;
    for (std::size_t i = 0; i < impl_->shares.size(); ++i) all.push_back({impl_->loops.at(i), impl_->shares[i].sessions});
    return sallyport::front::survey(here, std::move(all));
}

const std::vector<endpoint>& front::endpoints() const noexcept { return impl_->endpoints; }

void front::stop(std::chrono::milliseconds grace, stopped done) {
    impl_->done = std::move(done);
    impl_->loops_draining = impl_->loops.size();
    const net::deadline grace_end = net::clock::now() + grace;
    for (std::size_t i = 0; i < impl_->loops.size(); ++i)
        impl_->loops.at(i).post([self = impl_, i, grace_end] { self->stop_loop(i, grace_end); });
}

}  // namespace sallyport::front
