#include <sallyport/frontend/frontend.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/log_limiter.hpp>
#include <sallyport/frontend/session_snapshot.hpp>
#include <sallyport/net/descriptor_usage.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;
using reach::listener_kind;

/// While stopping: how often to check whether all sessions have ended, and how long killed sessions may take to end.
constexpr auto stop_check_interval = 10ms;
constexpr auto kill_timeout = 500ms;
/// While draining: how often to check whether the last session has ended.
constexpr auto drain_check_interval = 100ms;
/// The minimum time between two log lines about a gateway that connects to itself.
constexpr auto self_connection_log_interval = 60s;
/// What a session needs at its start, with its buffers and the frames of its coroutines.
constexpr std::size_t session_start_memory = std::size_t{64} * 1024;

/// One listening socket of one loop.
struct client_listener {
    net::listener listener;
    listener_kind kind;
    std::optional<std::size_t> interception{};
};

/// The state of one event loop. Once the loops run, only its thread uses it.
struct loop_state {
    // A deque, since coroutines hold references to its elements.
    std::deque<client_listener> listeners;
    std::shared_ptr<session_list> sessions = std::make_shared<session_list>();
    // Accepted connections that are not sessions yet.
    std::size_t pending_connections = 0;
    bool stopping = false;
};

/// Sends 421, if that is possible without waiting. Needs no memory for that.
void send_rejection(const net::accepted_connection& connection, listener_kind at, std::string_view text) {
    if (at == listener_kind::implicit_tls) return;
    std::array<char, 256> line{};
    const auto end = fmt::format_to_n(line.data(), line.size(), "421 {}\r\n", text).out;
    (void)::send(connection.socket.get(), line.data(), static_cast<std::size_t>(end - line.data()),
                 MSG_DONTWAIT | MSG_NOSIGNAL);
}

void reject(const net::accepted_connection& connection, listener_kind at, rejection reason) {
    send_rejection(connection, at, text_of(reason));
    log::write_limited(log::level::info, {}, connection.peer.address,
                       fmt::format("Rejected connection from {}: {}", connection.peer.text(), text_of(reason)));
}

/// Whether a session can start. It could not send a reply after its start has failed, as it owns the connection.
[[nodiscard]] bool has_memory_for_session() noexcept {
    const std::unique_ptr<char[]> probe(new (std::nothrow) char[session_start_memory]);
    return probe != nullptr;
}

/// Counts accepted connections that are not sessions yet.
class pending_connection {
public:
    explicit pending_connection(std::size_t& count) : count_(count) { ++count_; }
    ~pending_connection() { --count_; }
    pending_connection(const pending_connection&) = delete;
    pending_connection& operator=(const pending_connection&) = delete;

private:
    std::size_t& count_;
};

/// The prefix of all session IDs of this process: its start time in milliseconds, so that no other process uses the same
/// one.
[[nodiscard]] std::string session_id_prefix() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    auto rest = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
    std::string out;
    for (; rest != 0; rest /= 36) out.insert(out.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
    return out;
}

/// Collects the answers of the loops to close_session(). Used on the requesting loop only. A loop that is shutting down may
/// keep it longer than the event exists.
struct close_progress {
    std::weak_ptr<net::event> all_answered;
    // The number of loops that have not answered.
    std::size_t loops_remaining;
    bool found = false;
};

net::task<> kill_later(std::shared_ptr<session> target, net::loop& loop) {
    const std::weak_ptr<session> watched = std::exchange(target, nullptr);
    co_await loop.sleep_for(limits::stop_reserve);
    if (const auto remaining = watched.lock()) remaining->kill();
}

/// Where a connection comes from and what it was connected to.
struct connection_origin {
    endpoint client_destination;
    connection_source::kind type = connection_source::kind::direct;
    std::optional<std::size_t> interception{};
};

}  // namespace

std::size_t sessions_possible(std::size_t free, const descriptor_need& need) noexcept {
    free -= std::min(free, limits::reserved_descriptors);
    const auto all_transfer = free / (need.session + need.transfer);
    const auto some_transfer = (free - std::min(free, limits::max_descriptors_for_transfers)) / need.session;
    return std::max({std::size_t{1}, all_transfer, some_transfer});
}

void log_unmatched_socket(const endpoint& at) {
    log::warning({}, fmt::format("Closed the socket at {} that was handed to this process: it is not configured to listen "
                                 "there; configure that address, or remove the socket from the service manager",
                                 at.text()));
}

struct frontend::impl : std::enable_shared_from_this<frontend::impl> {
    impl(net::loop_group& l, const admission_rules& rules, reach::trusted_proxies trusted,
         std::shared_ptr<reach::single_port> single, status::counters& counters, descriptor_need n)
        : loops(l),
          need(n),
          proxies(std::move(trusted)),
          single_port(std::move(single)),
          admission_control(std::make_shared<admission>(rules, counters)),
          loop_states(l.size()) {}

    static net::task<> accept_all(std::shared_ptr<impl> self, std::size_t index, client_listener& entry);
    static net::task<> accept_proxied(std::shared_ptr<impl> self, std::size_t index, net::accepted_connection connection,
                                      listener_kind at);
    static net::task<> classify(std::shared_ptr<impl> self, std::size_t index, net::accepted_connection connection,
                                connection_origin origin, listener_kind at);
    void accept_client(std::size_t index, net::accepted_connection connection, const connection_origin& origin,
                       listener_kind at);
    void admit(std::size_t index, net::accepted_connection connection, const connection_origin& origin, listener_kind at);
    [[nodiscard]] bool is_self_connection(const net::accepted_connection& connection);
    [[nodiscard]] std::string id_of(std::uint64_t number) const { return fmt::format("{}-{}", id_prefix, number); }
    void apply_descriptor_limit();
    [[nodiscard]] bool expects_proxy_header(const net::accepted_connection& connection, listener_kind at) const noexcept;
    [[nodiscard]] result<endpoint> listen(const endpoint& at, listener_kind kind);
    void stop_loop(std::size_t index, net::deadline grace_end);
    static net::task<> finish_stop(std::shared_ptr<impl> self, std::size_t index, net::deadline grace_end);
    [[nodiscard]] std::vector<net::listener> claim_handed_over(const endpoint& at);
    void drain_loop(std::size_t index);
    static net::task<> wait_for_last_session(std::shared_ptr<impl> self, std::size_t index);

    net::loop_group& loops;
    const descriptor_need need;
    const reach::trusted_proxies proxies;
    // Empty without single-port mode.
    const std::shared_ptr<reach::single_port> single_port;
    std::shared_ptr<admission> admission_control;
    std::vector<loop_state> loop_states;
    std::vector<endpoint> endpoints;
    std::vector<endpoint> data_endpoints;
    session_starter start_session;
    // May be empty.
    std::function<bool(const endpoint&, const endpoint&)> is_self;
    log_limiter self_connection_log{self_connection_log_interval};
    // The highest descriptor that a new connection may have.
    int max_client_descriptor = 0;
    std::atomic<std::size_t> loops_stopping{0};
    std::atomic<bool> all_ended{true};
    stop_handler done;
    std::vector<unique_fd> handed_over;
    const std::string id_prefix = session_id_prefix();
    std::atomic<std::uint64_t> sessions_started{0};
    std::atomic<std::size_t> loops_draining{0};
    std::move_only_function<void()> on_drained;
};

net::task<> frontend::impl::accept_all(std::shared_ptr<impl> self, std::size_t index, client_listener& entry) {
    net::loop& loop = self->loops.at(index);
    for (;;) {
        result<net::accepted_connection> connection = co_await entry.listener.accept();
        // The listener was closed.
        if (!connection) co_return;
        if (self->is_self_connection(*connection)) continue;
        // The system assigns the lowest free descriptor, so a high number means that many are in use.
        if (connection->socket.get() > self->max_client_descriptor) {
            reject(*connection, entry.kind, self->admission_control->reject_without_descriptors());
        } else if (!entry.interception && self->expects_proxy_header(*connection, entry.kind)) {
            loop.spawn("proxied connection", accept_proxied(self, index, std::move(*connection), entry.kind));
        } else {
            const connection_origin origin{connection->local, connection_source::kind::direct, entry.interception};
            self->accept_client(index, std::move(*connection), origin, entry.kind);
        }
    }
}

/// A gateway that connects to itself would use up all its descriptors in a loop of sessions.
bool frontend::impl::is_self_connection(const net::accepted_connection& connection) {
    if (!is_self) return false;
    if (!is_self(connection.peer, connection.local)) {
        const auto before_nat = net::original_destination(connection.socket.get());
        if (!before_nat || !is_self(connection.peer, *before_nat)) return false;
    }
    if (const auto times = self_connection_log.note(net::clock::now())) {
        log::warning(
            {}, fmt::format("Closed a connection from {} to {}: it comes from this gateway itself, since the address of a "
                            "backend refers to this gateway; correct the backends ({} since the last such line)",
                            connection.peer.text(), connection.local.text(), *times));
    }
    return true;
}

bool frontend::impl::expects_proxy_header(const net::accepted_connection& connection, listener_kind at) const noexcept {
    return proxies.is_trusted(connection.peer.address) && (at != listener_kind::data || proxies.on_data_connections);
}

net::task<> frontend::impl::accept_proxied(std::shared_ptr<impl> self, std::size_t index,
                                           net::accepted_connection connection, listener_kind at) {
    const endpoint balancer = connection.peer;
    std::optional<pending_connection> pending(std::in_place, self->loop_states[index].pending_connections);
    const result<proto::proxy_header> header = co_await reach::read_proxy_header(self->loops.at(index), connection);
    pending.reset();
    if (!header) {
        // Health checks that only connect are expected, so they are logged at level debug.
        const auto level = header.error().code == errc::closed ? log::level::debug : log::level::warning;
        log::write_limited(
            level, {}, balancer.address,
            fmt::format("Closed connection from load balancer {}: {}", balancer.text(), header.error().text()));
        co_return;
    }
    if (self->is_self_connection(connection)) co_return;
    connection_origin origin{connection.local, connection_source::kind::load_balancer};
    if (header->proxied) origin = {header->destination, connection_source::kind::proxied};
    self->accept_client(index, std::move(connection), origin, at);
}

void frontend::impl::accept_client(std::size_t index, net::accepted_connection connection, const connection_origin& origin,
                                   listener_kind at) {
    if (loop_states[index].stopping) return;
    if (origin.interception) return admit(index, std::move(connection), origin, at);
    if (at != listener_kind::data &&
        (!single_port || !single_port->has_reservation(connection.peer.address, connection.local.port)))
        return admit(index, std::move(connection), origin, at);
    loops.at(index).spawn("connection to classify", classify(shared_from_this(), index, std::move(connection), origin, at));
}

net::task<> frontend::impl::classify(std::shared_ptr<impl> self, std::size_t index, net::accepted_connection connection,
                                     connection_origin origin, listener_kind at) {
    std::optional<pending_connection> pending(std::in_place, self->loop_states[index].pending_connections);
    std::optional<net::accepted_connection> client =
        co_await self->single_port->classify(self->loops.at(index), std::move(connection), at);
    pending.reset();
    if (client && !self->loop_states[index].stopping) self->admit(index, std::move(*client), origin, at);
}

void frontend::impl::admit(std::size_t index, net::accepted_connection connection, const connection_origin& origin,
                           listener_kind at) {
    std::expected<admission_slot, rejection> admitted = admission_control->admit({connection.peer.address, origin.type});
    if (!admitted) return reject(connection, at, admitted.error());
    if (!has_memory_for_session()) return send_rejection(connection, at, "Out of memory; connect again later.");
    const bool implicit_tls = at == listener_kind::implicit_tls;
    const std::uint64_t number = ++sessions_started;
    start_session({id_of(number), number, loops.at(index), std::move(connection), origin.client_destination, implicit_tls,
                   std::move(*admitted), loop_states[index].sessions, origin.interception});
}

void frontend::impl::apply_descriptor_limit() {
    const auto descriptors = net::descriptor_usage::of_process();
    const auto possible = sessions_possible(descriptors.free(), need);
    const auto wanted = admission_control->cap_sessions(possible);
    max_client_descriptor =
        static_cast<int>(descriptors.limit - std::min(descriptors.limit, limits::reserved_descriptors)) - 1;
    if (possible >= wanted) return;
    log::warning(
        {}, fmt::format("At most {} sessions at a time instead of {} (--max-sessions): this process may open {} files and "
                        "connections. Raise that limit (ulimit -n, or LimitNOFILE= in a systemd unit) or lower "
                        "--max-sessions",
                        possible, wanted, descriptors.limit));
}

void frontend::impl::stop_loop(std::size_t index, net::deadline grace_end) {
    loop_states[index].stopping = true;
    for (client_listener& entry : loop_states[index].listeners) entry.listener.close();
    loop_states[index].sessions->for_each(&session::stop);
    net::keep_running(loops.at(index), "stop",
                      [self = shared_from_this(), index, grace_end] { return finish_stop(self, index, grace_end); });
}

net::task<> frontend::impl::finish_stop(std::shared_ptr<impl> self, std::size_t index, net::deadline grace_end) {
    net::loop& loop = self->loops.at(index);
    session_list& sessions = *self->loop_states[index].sessions;
    while (!sessions.empty() && net::clock::now() < grace_end) co_await loop.sleep_for(stop_check_interval);
    if (!sessions.empty()) {
        log::warning({}, fmt::format("Closed {} sessions that did not finish before the stop timeout", sessions.size()));
        sessions.for_each(&session::kill);
    }
    const net::deadline last = net::clock::now() + kill_timeout;
    while (!sessions.empty() && net::clock::now() < last) co_await loop.sleep_for(stop_check_interval);
    if (!sessions.empty()) self->all_ended = false;
    if (--self->loops_stopping == 0) self->loops.at(0).post([self] { std::exchange(self->done, {})(self->all_ended); });
}

// ---- Graceful restart

/// Returns at least one listener per loop if any handed-over socket has this address; with fewer sockets than loops, several
/// loops share one.
std::vector<net::listener> frontend::impl::claim_handed_over(const endpoint& at) {
    std::vector<unique_fd> fitting;
    // With port 0, the port of the first socket at this address is used.
    std::uint16_t port = at.port;
    for (unique_fd& fd : handed_over) {
        if (!fd) continue;
        const endpoint local = net::local_endpoint(fd.get());
        if (local.address != at.address || (port != 0 && local.port != port)) continue;
        port = local.port;
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

void frontend::impl::drain_loop(std::size_t index) {
    for (client_listener& entry : loop_states[index].listeners) entry.listener.close();
    net::keep_running(loops.at(index), "drain",
                      [self = shared_from_this(), index] { return wait_for_last_session(self, index); });
}

net::task<> frontend::impl::wait_for_last_session(std::shared_ptr<impl> self, std::size_t index) {
    const loop_state& state = self->loop_states[index];
    while (!state.sessions->empty() || state.pending_connections > 0)
        co_await self->loops.at(index).sleep_for(drain_check_interval);
    if (--self->loops_draining == 0) self->loops.at(0).post([self] { std::exchange(self->on_drained, {})(); });
}

void frontend::adopt_sockets(std::vector<unique_fd> sockets) { impl_->handed_over = std::move(sockets); }

std::vector<int> frontend::sockets() const {
    std::vector<int> out;
    for (const loop_state& state : impl_->loop_states)
        for (const client_listener& entry : state.listeners)
            if (!entry.interception) out.push_back(entry.listener.native_handle());
    return out;
}

void frontend::start_draining(std::move_only_function<void()> on_drained) {
    impl_->on_drained = std::move(on_drained);
    if (impl_->single_port) impl_->single_port->stop();
    impl_->loops_draining = impl_->loops.size();
    for (std::size_t i = 0; i < impl_->loops.size(); ++i)
        impl_->loops.at(i).post([self = impl_, i] { self->drain_loop(i); });
}

frontend::frontend(net::loop_group& loops, const admission_rules& rules, reach::trusted_proxies proxies,
                   std::shared_ptr<reach::single_port> single_port, status::counters& counters, descriptor_need need)
    : impl_(std::make_shared<impl>(loops, rules, std::move(proxies), std::move(single_port), counters, need)) {}

// Everything that refers to the loops is released here, while the loops exist. A coroutine that has not ended keeps `impl_`
// until the loops are destroyed.
frontend::~frontend() {
    for (loop_state& state : impl_->loop_states) state.listeners.clear();
    impl_->start_session = {};
    impl_->is_self = {};
}

result<endpoint> frontend::impl::listen(const endpoint& at, listener_kind kind) {
    endpoint real = at;
    if (auto claimed = claim_handed_over(at); !claimed.empty()) {
        real = claimed.front().local();
        for (std::size_t i = 0; i < claimed.size(); ++i)
            loop_states[i % loops.size()].listeners.emplace_back(std::move(claimed[i]), kind);
        return real;
    }
    if (loops.size() > 1 && at.port != 0) {
        // With SO_REUSEPORT a second daemon of the same user would share the port unnoticed, so it is bound once without
        // that option.
        const result<net::listener> alone = net::listener::open(loops.at(0), at);
        if (!alone) return std::unexpected(alone.error());
    }
    for (std::size_t i = 0; i < loops.size(); ++i) {
        result<net::listener> opened = net::listener::open(loops.at(i), real, {.reuse_port = loops.size() > 1});
        if (!opened) return std::unexpected(opened.error());
        real = opened->local();
        loop_states[i].listeners.emplace_back(std::move(*opened), kind);
    }
    return real;
}

result<void> frontend::open(std::span<const endpoint> plain, std::span<const endpoint> implicit_tls) {
    for (const auto& [all, implicit] : {std::pair(plain, false), std::pair(implicit_tls, true)}) {
        for (const endpoint& at : all) {
            if (auto opened = open(at, implicit); !opened) return opened;
        }
    }
    return {};
}

result<void> frontend::open(const endpoint& at, bool implicit_tls) {
    const auto real = impl_->listen(at, implicit_tls ? listener_kind::implicit_tls : listener_kind::control);
    if (!real) return std::unexpected(real.error());
    impl_->endpoints.push_back(*real);
    const endpoint data_at{at.address, impl_->single_port ? impl_->single_port->separate_port() : std::uint16_t{0}};
    auto& open = impl_->data_endpoints;
    if (data_at.port == 0 || std::ranges::find(open, data_at) != open.end()) return {};
    const auto data = impl_->listen(data_at, listener_kind::data);
    if (!data) return std::unexpected(data.error());
    open.push_back(data_at);
    return {};
}

void frontend::open_intercepting(const unique_fd& socket, std::size_t interception) {
    for (std::size_t i = 0; i < impl_->loops.size(); ++i) {
        auto copied = net::listener::adopt(impl_->loops.at(i), unique_fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)));
        impl_->loop_states[i].listeners.emplace_back(std::move(copied), listener_kind::control, interception);
    }
}

void frontend::close_self_connections(std::function<bool(const endpoint& peer, const endpoint& destination)> is_self) {
    impl_->is_self = std::move(is_self);
}

void frontend::run(session_starter start_session) {
    impl_->start_session = std::move(start_session);
    for (const unique_fd& unclaimed : impl_->handed_over)
        if (unclaimed) log_unmatched_socket(net::local_endpoint(unclaimed.get()));
    impl_->handed_over.clear();
    impl_->apply_descriptor_limit();
    for (std::size_t i = 0; i < impl_->loop_states.size(); ++i)
        for (client_listener& entry : impl_->loop_states[i].listeners)
            net::keep_running(impl_->loops.at(i), "accept",
                              [self = impl_, i, &entry] { return impl::accept_all(self, i, entry); });
}

std::string frontend::id_of(std::uint64_t number) const { return impl_->id_of(number); }
void frontend::set_rules(const admission_rules& rules) { impl_->admission_control->set_rules(rules); }

std::vector<status::login_penalty> frontend::list_login_penalties() const {
    return impl_->admission_control->list_login_penalties();
}
bool frontend::forgive(const ip_address& address) { return impl_->admission_control->forgive(address); }
void frontend::penalize(const ip_address& address) { impl_->admission_control->penalize(address); }
bool frontend::is_penalized(const ip_address& address) const { return impl_->admission_control->is_penalized(address); }

net::task<bool> frontend::close_session(net::loop& loop, std::string id) {
    const auto all_answered = std::make_shared<net::event>(loop);
    const auto answers = std::make_shared<close_progress>(all_answered, impl_->loops.size());
    for (std::size_t i = 0; i < impl_->loops.size(); ++i) {
        impl_->loops.at(i).post([self = impl_, answers, &loop, id, i] {
            const auto found = self->loop_states[i].sessions->find(id);
            if (found) {
                found->disconnect();
                self->loops.at(i).spawn("kill a session", kill_later(found, self->loops.at(i)));
            }
            loop.post([answers, was_found = found != nullptr] {
                answers->found = answers->found || was_found;
                if (--answers->loops_remaining > 0) return;
                if (const auto waiting = answers->all_answered.lock()) waiting->set();
            });
        });
    }
    (void)co_await all_answered->wait(net::clock::now() + limits::snapshot_timeout);
    co_return answers->found;
}

net::task<status::session_snapshot> frontend::collect_snapshot(net::loop& loop) const {
    std::vector<snapshot_request> all;
    for (std::size_t i = 0; i < impl_->loop_states.size(); ++i)
        all.push_back({impl_->loops.at(i), impl_->loop_states[i].sessions});
    return sallyport::frontend::collect_snapshot(loop, std::move(all));
}

const std::vector<endpoint>& frontend::endpoints() const noexcept { return impl_->endpoints; }

void frontend::stop(std::chrono::milliseconds grace, stop_handler done) {
    impl_->done = std::move(done);
    impl_->loops_stopping = impl_->loops.size();
    const net::deadline grace_end = net::clock::now() + grace;
    for (std::size_t i = 0; i < impl_->loops.size(); ++i)
        impl_->loops.at(i).post([self = impl_, i, grace_end] { self->stop_loop(i, grace_end); });
}

}  // namespace sallyport::frontend
