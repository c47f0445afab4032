#include <sallyport/reach/single_port.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>

#include <sallyport/base/log.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/tls_hello.hpp>

namespace sallyport::reach {
namespace {

enum class classification : std::uint8_t { undecided, data, new_client, unexpected_peer };

/// A connection that is not classified yet. Used on its event loop's thread only, except the constants and, under the mutex,
/// the number, the classification and the recipient.
struct candidate : std::enable_shared_from_this<candidate> {
    candidate(net::loop& l, net::accepted_connection c, listener_kind kind)
        : loop(l), socket(l, std::move(c.socket)), local(c.local), peer(c.peer), listener(kind) {}

    [[nodiscard]] net::accepted_connection release() { return {socket.release(), local, peer}; }

    net::loop& loop;
    net::descriptor socket;
    const endpoint local;
    const endpoint peer;
    const listener_kind listener;
    const net::clock::time_point since = net::clock::now();
    // Connections and reservations are numbered in the order in which they arrived.
    std::uint64_t number = 0;
    classification classified_as = classification::undecided;
    // Set if it is a data connection.
    std::shared_ptr<pending_connection> recipient;
};

using candidate_ptr = std::shared_ptr<candidate>;

constexpr auto taken_over =
    "a new process accepts connections on it, so sessions of the old process cannot use it; connect again";

error refusal(std::uint16_t port, std::string_view reason) {
    return {errc::port_refused, 0, fmt::format("port {}: {}", port, reason)};
}

}  // namespace

struct single_port::impl : std::enable_shared_from_this<impl> {
    class expected_connection;
    /// The state of one client address on one local port.
    struct client_state {
        // One for unencrypted data, or any number for TLS.
        std::vector<std::shared_ptr<expected_connection>> expected;
        std::vector<candidate_ptr> candidates;
        // The ID of the session that may still reserve the port.
        std::string blocked_except_for;
        net::deadline blocked_until{};

        [[nodiscard]] bool is_idle(net::clock::time_point now) const {
            return expected.empty() && candidates.empty() && blocked_until <= now;
        }
    };
    static constexpr std::size_t sweep_from = 4096;
    // The client's address and the local port.
    using client_key = endpoint;

    impl(net::loop_group& l, const single_port_settings& s, std::optional<net::tls_server_context> t, status::counters& c)
        : loops(l), settings(s), tls(std::move(t)), counters(c) {}

    result<port_reservation> reserve(reservation_request request);
    void stop();
    void remove(const expected_connection& pending);
    void decide(const std::shared_ptr<expected_connection>& pending);
    [[nodiscard]] std::shared_ptr<expected_connection> find(const client_state& p,
                                                            const std::string& tls_session_context) const;

    void decide_later(const std::shared_ptr<expected_connection>& pending);
    static net::task<> wait_on_loop(std::shared_ptr<impl> self, net::loop& loop,
                                    std::shared_ptr<expected_connection> pending,
                                    std::shared_ptr<std::atomic<std::size_t>> loops_waiting);
    static net::task<std::optional<net::accepted_connection>> classify(std::shared_ptr<impl> self, net::loop& loop,
                                                                       net::accepted_connection connection,
                                                                       listener_kind kind);
    bool add(const candidate_ptr& c);
    bool is_decided(candidate& c);
    void peek(candidate& c, std::vector<char>& bytes, std::size_t& known);
    void classify_by_hello(candidate& c, const net::tls_hello& hello);
    void on_closed(candidate& c);
    void decide(candidate& c, net::clock::time_point now) const;
    void decide_all(client_state& p) const;
    void set_classification(candidate& c, classification as, std::shared_ptr<pending_connection> recipient = {}) const;
    void erase_if_idle(std::map<client_key, client_state>::iterator it);
    void erase_idle(net::clock::time_point now);
    void remove(const candidate_ptr& c);

    net::loop_group& loops;
    const single_port_settings settings;
    const std::optional<net::tls_server_context> tls;
    status::counters& counters;
    mutable std::mutex mutex;
    std::map<client_key, client_state> clients;
    std::uint64_t last_number = 0;
    std::size_t sweep_at = sweep_from;
    bool stopped = false;
};

/// The listener's side of one reservation. Everything but the constants is guarded by the mutex.
class single_port::impl::expected_connection final : public pending_connection {
public:
    expected_connection(std::shared_ptr<impl> owner, reservation_request request, std::uint64_t n)
        : pending_connection(request.loop,
                             {.client = request.client,
                              .port = request.port,
                              .advertised_port = request.advertised_port,
                              .identified_by_tls = !request.tls_session_context.empty(),
                              .identified_by_silence = request.tls_session_context.empty() && owner->settings.control},
                             owner->counters),
          number(n),
          session(std::move(request.session)),
          tls_session_context(std::move(request.tls_session_context)),
          round_trip(request.round_trip),
          owner_(std::move(owner)) {}

    [[nodiscard]] bool is_plain() const noexcept { return tls_session_context.empty(); }
    [[nodiscard]] client_key key() const { return {params.client, params.port}; }
    /// Whether a connection that sends nothing can still belong to it.
    [[nodiscard]] bool can_match_silent(net::clock::time_point now, std::chrono::milliseconds max_wait) const {
        return transfer_started || now < since + max_wait;
    }

    const std::uint64_t number;
    const std::string session;
    const std::string tls_session_context;
    const std::chrono::microseconds round_trip;
    // The transfer command has arrived.
    bool transfer_started = false;
    bool served = false;

private:
    void on_transfer_start(bool protect) override;
    void stop_accepting() override { owner_->remove(*this); }
    void release() override {}

    std::shared_ptr<impl> owner_;
};

result<single_port_settings> single_port_settings::parse(std::string_view text) {
    single_port_settings out;
    if (text == "control") {
        out.control = true;
        return out;
    }
    const auto number = port_range::parse(text);
    if (!number || number->size() != 1)
        return fail(errc::syntax, fmt::format("{}: invalid port; use control or the number of one other port", text));
    out.port = number->first;
    return out;
}

// ---- Reservations

result<port_reservation> single_port::impl::reserve(reservation_request request) {
    const auto now = net::clock::now();
    const bool plain = request.tls_session_context.empty();
    const std::lock_guard lock(mutex);
    if (stopped) return std::unexpected(refusal(request.advertised_port, taken_over));
    erase_idle(now);
    client_state& p = clients[{request.client, request.port}];
    const bool blocked = now < p.blocked_until && p.blocked_except_for != request.session;
    if (plain && (blocked || !p.expected.empty())) {
        const auto reason = blocked ? "a data connection of another session from your address may still arrive"
                                    : "another session from your address is waiting for its data connection";
        return std::unexpected(refusal(request.advertised_port, fmt::format("{}; try again or use TLS", reason)));
    }
    if (!plain && !p.expected.empty() && p.expected.front()->is_plain()) {
        const auto displaced = std::exchange(p.expected, {}).front();
        displaced->fail_with(refusal(request.advertised_port,
                                     "another session from your address has reserved it for TLS; try again or use TLS"));
        decide_all(p);
    }
    auto made = std::make_shared<expected_connection>(shared_from_this(), std::move(request), ++last_number);
    p.expected.push_back(made);
    return port_reservation(std::move(made));
}

// Connections that have arrived already are still classified. A reservation with a connection is no longer in `expected`.
void single_port::impl::stop() {
    // Released after the mutex.
    std::vector<std::shared_ptr<expected_connection>> failed;
    const std::lock_guard lock(mutex);
    stopped = true;
    for (auto& [client, p] : clients) {
        for (auto& each : std::exchange(p.expected, {})) {
            each->fail_with(refusal(each->params.advertised_port, taken_over));
            failed.push_back(std::move(each));
        }
        decide_all(p);
    }
}

void single_port::impl::expected_connection::on_transfer_start(bool protect) {
    if (!is_plain() && !protect)
        return fail_with(refusal(params.advertised_port, "it was reserved for TLS, before PROT C; send EPSV or PASV again"));
    {
        const std::lock_guard lock(owner_->mutex);
        transfer_started = true;
    }
    if (!owner_->settings.control) return;
    if (net::clock::now() >= since + owner_->settings.max_wait)
        return fail_with(refusal(params.advertised_port,
                                 fmt::format("the reservation expired after {} s; send EPSV or PASV again",
                                             std::chrono::ceil<std::chrono::seconds>(owner_->settings.max_wait).count())));
    if (is_plain()) owner_->decide_later(std::static_pointer_cast<expected_connection>(shared_from_this()));
}

/// On a busy machine a connection can be in a listener's queue for longer than the delay, since its loop does not run. So
/// the delay must have passed on every loop.
void single_port::impl::decide_later(const std::shared_ptr<expected_connection>& pending) {
    const auto loops_waiting = std::make_shared<std::atomic<std::size_t>>(loops.size());
    for (std::size_t i = 0; i < loops.size(); ++i) {
        net::loop& each = loops.at(i);
        each.post([self = shared_from_this(), &each, pending, loops_waiting] {
            each.spawn("single port: decide", wait_on_loop(self, each, pending, loops_waiting));
        });
    }
}

net::task<> single_port::impl::wait_on_loop(std::shared_ptr<impl> self, net::loop& loop,
                                            std::shared_ptr<expected_connection> pending,
                                            std::shared_ptr<std::atomic<std::size_t>> loops_waiting) {
    // Long enough for a connection that the client opened together with the command.
    co_await loop.sleep_for(limits::single_port_decision_delay + 2 * pending->round_trip);
    // What the loop has found in its queues meanwhile is accepted first; a listener yields between bursts.
    co_await loop.yield();
    co_await loop.yield();
    if (--*loops_waiting == 0) self->decide(pending);
}

void single_port::impl::decide(const std::shared_ptr<expected_connection>& pending) {
    const std::lock_guard lock(mutex);
    const auto it = clients.find(pending->key());
    if (it == clients.end()) return;
    client_state& p = it->second;
    const auto found = std::ranges::find(p.expected, pending);
    if (found == p.expected.end()) return;
    const auto is_silent = [&](const candidate_ptr& c) {
        return c->classified_as == classification::undecided && c->number > pending->number;
    };
    const auto count = std::ranges::count_if(p.candidates, is_silent);
    pending->served = count > 0;
    if (count == 1)
        set_classification(**std::ranges::find_if(p.candidates, is_silent), classification::data, pending);
    else if (count == 0)
        pending->fail_with(
            refusal(pending->params.advertised_port,
                    "no data connection arrived before the transfer command, and a later one cannot be distinguished from a "
                    "new client; use TLS or active mode"));
    else
        pending->fail_with(refusal(
            pending->params.advertised_port,
            fmt::format(
                "{} connections from your address arrived at the same time and cannot be distinguished; try again or "
                "use TLS",
                count)));
    if (count == 0) {
        p.blocked_except_for = pending->session;
        p.blocked_until = net::clock::now() + settings.cooldown;
    }
    p.expected.erase(found);
    decide_all(p);
}

void single_port::impl::remove(const expected_connection& pending) {
    const std::lock_guard lock(mutex);
    const auto it = clients.find(pending.key());
    if (it == clients.end()) return;
    client_state& p = it->second;
    const auto found = std::ranges::find(p.expected, &pending, &std::shared_ptr<expected_connection>::get);
    if (found == p.expected.end()) return;
    // Released after the mutex.
    const auto removed = *found;
    if (pending.is_plain() && !pending.served) {
        p.blocked_except_for = pending.session;
        p.blocked_until = net::clock::now() + settings.cooldown;
    }
    p.expected.erase(found);
    decide_all(p);
    erase_if_idle(it);
}

std::shared_ptr<single_port::impl::expected_connection> single_port::impl::find(
    const client_state& p, const std::string& tls_session_context) const {
    const auto found = std::ranges::find(p.expected, tls_session_context, &expected_connection::tls_session_context);
    return found == p.expected.end() ? nullptr : *found;
}

/// Erases the state of a client that has no reservation, no connection and no cooldown.
void single_port::impl::erase_if_idle(std::map<client_key, client_state>::iterator it) {
    if (it->second.is_idle(net::clock::now())) clients.erase(it);
}

/// Erases all such states when there are many, since a cooldown ends without a call of erase_if_idle().
void single_port::impl::erase_idle(net::clock::time_point now) {
    if (clients.size() < sweep_at) return;
    std::erase_if(clients, [now](const auto& each) { return each.second.is_idle(now); });
    sweep_at = std::max(sweep_from, 2 * clients.size());
}

// ---- Connections

net::task<std::optional<net::accepted_connection>> single_port::impl::classify(std::shared_ptr<impl> self, net::loop& loop,
                                                                               net::accepted_connection connection,
                                                                               listener_kind kind) {
    const auto c = std::make_shared<candidate>(loop, std::move(connection), kind);
    const auto deadline = kind == listener_kind::data ? net::deadline::max() : c->since + self->settings.max_wait;
    std::vector<char> bytes(4096);
    std::size_t known = 0;
    if (!self->add(c))
        c->classified_as = kind == listener_kind::data ? classification::unexpected_peer : classification::new_client;
    while (!self->is_decided(*c)) {
        self->peek(*c, bytes, known);
        if (!self->is_decided(*c)) co_await c->socket.readable(deadline);
    }
    self->remove(c);
    if (c->classified_as == classification::data) c->recipient->deliver(c->release());
    if (c->classified_as == classification::new_client) co_return c->release();
    if (c->classified_as == classification::unexpected_peer) {
        status::count(self->counters.unexpected_peers);
        log::debug({},
                   fmt::format("Rejected data connection from unexpected peer {} to {}", c->peer.text(), c->local.text()));
    }
    co_return std::nullopt;
}

/// Whether the connection is classified; this is final.
bool single_port::impl::is_decided(candidate& c) {
    const std::lock_guard lock(mutex);
    decide(c, net::clock::now());
    return c.classified_as != classification::undecided;
}

/// Reads what has arrived, with MSG_PEEK: the bytes stay in the socket for the session.
void single_port::impl::peek(candidate& c, std::vector<char>& bytes, std::size_t& known) {
    auto got = ::recv(c.socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
    if (got == std::ssize(bytes)) {
        bytes.resize(net::max_tls_hello);
        got = ::recv(c.socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return on_closed(c);
    if (std::exchange(known, static_cast<std::size_t>(got)) == static_cast<std::size_t>(got)) return;
    const auto hello =
        tls ? net::read_tls_hello(*tls, {bytes.data(), known}) : net::tls_hello{net::tls_hello::kind::not_tls, {}};
    classify_by_hello(c, hello);
}

/// The peer has closed the connection before it was classified.
void single_port::impl::on_closed(candidate& c) {
    const std::lock_guard lock(mutex);
    if (c.classified_as == classification::undecided) set_classification(c, classification::unexpected_peer);
}

/// False if no reservation of the address exists. With too many connections of the address, the new one is rejected.
bool single_port::impl::add(const candidate_ptr& c) {
    const std::lock_guard lock(mutex);
    const auto it = clients.find({c->peer.address, c->local.port});
    if (it == clients.end() || it->second.expected.empty()) return false;
    client_state& p = it->second;
    c->number = ++last_number;
    p.candidates.push_back(c);
    if (p.candidates.size() > limits::max_single_port_candidates) c->classified_as = classification::unexpected_peer;
    if (c->listener != listener_kind::data || !p.expected.front()->is_plain()) return true;
    // On the separate port the next connection is the data connection.
    const auto owner = std::exchange(p.expected, {}).front();
    owner->served = true;
    set_classification(*c, classification::data, owner);
    return true;
}

/// Classifies the connection by its first bytes.
void single_port::impl::classify_by_hello(candidate& c, const net::tls_hello& hello) {
    using kind = net::tls_hello::kind;
    const std::lock_guard lock(mutex);
    if (c.classified_as != classification::undecided || hello.is == kind::need_more) return;
    client_state& p = clients[{c.peer.address, c.local.port}];
    if (const auto owner = hello.is == kind::resumes ? find(p, hello.session_id_context) : nullptr) {
        owner->served = true;
        std::erase(p.expected, owner);
        set_classification(c, classification::data, owner);
        return decide_all(p);
    }
    // A client that uploads waits for 150 before it sends. A new client sends a ClientHello first on an implicit TLS port,
    // and an FTP command, or nothing, on others.
    if (c.listener != listener_kind::data && (c.listener == listener_kind::implicit_tls) == (hello.is != kind::not_tls))
        return set_classification(c, classification::new_client);
    set_classification(c, classification::unexpected_peer);
    if (hello.is == kind::not_tls || p.expected.size() != 1 || p.expected.front()->is_plain() ||
        !p.expected.front()->transfer_started)
        return;
    const auto failed = std::exchange(p.expected, {}).front();
    failed->fail_with({errc::tls_not_resumed, 0,
                       "The data connection must reuse the control connection's TLS session; enable session reuse in your "
                       "client"});
    decide_all(p);
}

/// A connection that can belong to no reservation is a new client, or on the separate port from an unexpected peer.
void single_port::impl::decide(candidate& c, net::clock::time_point now) const {
    if (c.classified_as != classification::undecided) return;
    const auto it = clients.find({c.peer.address, c.local.port});
    const bool data_only = c.listener == listener_kind::data;
    const auto may_match = [&](const auto& each) {
        return each->number < c.number && (data_only || each->can_match_silent(now, settings.max_wait));
    };
    const bool may_be_data = it != clients.end() && std::ranges::any_of(it->second.expected, may_match);
    if (may_be_data && (data_only || now < c.since + settings.max_wait)) return;
    set_classification(c, c.listener == listener_kind::data ? classification::unexpected_peer : classification::new_client);
}

void single_port::impl::decide_all(client_state& p) const {
    const auto now = net::clock::now();
    for (const auto& c : p.candidates) decide(*c, now);
}

/// Wakes the coroutine that owns the connection, on its own loop; it does the rest.
void single_port::impl::set_classification(candidate& c, classification as,
                                           std::shared_ptr<pending_connection> recipient) const {
    c.classified_as = as;
    c.recipient = std::move(recipient);
    c.loop.post([self = c.shared_from_this()] { self->socket.interrupt_read(); });
}

void single_port::impl::remove(const candidate_ptr& c) {
    const std::lock_guard lock(mutex);
    const auto it = clients.find({c->peer.address, c->local.port});
    if (it == clients.end()) return;
    std::erase(it->second.candidates, c);
    erase_if_idle(it);
}

// ---- single_port

single_port::single_port(net::loop_group& loops, const single_port_settings& settings,
                         std::optional<net::tls_server_context> tls, status::counters& counters)
    : impl_(std::make_shared<impl>(loops, settings, std::move(tls), counters)) {}

single_port::~single_port() = default;

std::uint16_t single_port::separate_port() const noexcept { return impl_->settings.port; }

result<port_reservation> single_port::reserve(reservation_request request) { return impl_->reserve(std::move(request)); }

void single_port::stop() { impl_->stop(); }

bool single_port::has_reservation(const ip_address& client, std::uint16_t port) const {
    const std::lock_guard lock(impl_->mutex);
    const auto it = impl_->clients.find({client, port});
    return it != impl_->clients.end() && !it->second.expected.empty();
}

net::task<std::optional<net::accepted_connection>> single_port::classify(net::loop& loop,
                                                                         net::accepted_connection connection,
                                                                         listener_kind kind) {
    return impl::classify(impl_, loop, std::move(connection), kind);
}

}  // namespace sallyport::reach
