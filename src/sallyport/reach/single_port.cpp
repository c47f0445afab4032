#include <sallyport/reach/single_port.hpp>

#include <algorithm>
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

enum class verdict : std::uint8_t { open, data, new_client, nobody };

/// A connection of which it is not known yet what it is. Its loop's thread only, but for the constants and, under the mutex,
/// the verdict.
struct candidate : std::enable_shared_from_this<candidate> {
    candidate(net::loop& l, net::accepted c, door_kind kind)
        : here(l), socket(l, std::move(c.socket)), local(c.local), peer(c.peer), at(kind) {}

    [[nodiscard]] net::accepted give() { return {socket.release(), local, peer}; }

    net::loop& here;
    net::descriptor socket;
    const endpoint local;
    const endpoint peer;
    const door_kind at;
    const net::clock::time_point since = net::clock::now();
    // In the order of arrival and expectation.
    std::uint64_t number = 0;
    verdict is = verdict::open;
    // Where it is data.
    std::shared_ptr<promise> owner;
};

using candidate_ptr = std::shared_ptr<candidate>;

constexpr auto left_to_successor =
    "a new program serves it since, and data connections of older sessions can't come there; connect again";

error refusal(errc code, std::uint16_t port, std::string_view why) {
    return {code, 0, fmt::format("port {}: {}", port, why)};
}

}  // namespace

struct single_port::impl : std::enable_shared_from_this<impl> {
    class claim;
    /// One client address at one port of ours.
    struct place {
        // One for plain data, or any number for TLS.
        std::vector<std::shared_ptr<claim>> claims;
        std::vector<candidate_ptr> candidates;
        // The session's id.
        std::string barred_for_others_than;
        net::deadline barred_until{};

        [[nodiscard]] bool is_idle(net::clock::time_point now) const {
            return claims.empty() && candidates.empty() && barred_until <= now;
        }
    };
    static constexpr std::size_t sweep_from = 4096;
    // The client's address, our port.
    using key = endpoint;

    impl(const single_port_settings& s, std::optional<net::tls_server_context> t, status::counters& c)
        : settings(s), tls(std::move(t)), counters(c) {}

    result<reservation> expect(asker who);
    void leave();
    void remove(const claim& which);
    void settle(const std::shared_ptr<claim>& which);
    [[nodiscard]] std::shared_ptr<claim> find(const place& p, const std::string& tls_id) const;

    static net::task<> settle_later(std::shared_ptr<impl> self, std::shared_ptr<claim> which);
    static net::task<std::optional<net::accepted>> sort(std::shared_ptr<impl> self, net::loop& here, net::accepted came,
                                                        door_kind at);
    bool join(const candidate_ptr& c);
    bool settled(candidate& c);
    void look_at(candidate& c, std::vector<char>& bytes, std::size_t& known);
    void listen_to(candidate& c, const net::tls_hello& said);
    void ended(candidate& c);
    void judge(candidate& c, net::clock::time_point now) const;
    void judge_all(place& p) const;
    void decide(candidate& c, verdict what, std::shared_ptr<promise> owner = {}) const;
    void tidy(std::map<key, place>::iterator where);
    void sweep(net::clock::time_point now);
    void leave(const candidate_ptr& c);

    const single_port_settings settings;
    const std::optional<net::tls_server_context> tls;
    status::counters& counters;
    mutable std::mutex mutex;
    std::map<key, place> places;
    std::uint64_t last_number = 0;
    std::size_t sweep_at = sweep_from;
    bool left = false;
};

/// The expectation of one session. The constants apart, guarded by the mutex.
class single_port::impl::claim final : public promise {
public:
    claim(std::shared_ptr<impl> owner, asker who, std::uint64_t n)
        : promise(who.home, {.client = who.client,
                             .port = who.port,
                             .told = who.told,
                             .by_tls = !who.tls_id.empty(),
                             .by_silence = who.tls_id.empty() && owner->settings.control}),
          number(n),
          session(std::move(who.session)),
          tls_id(std::move(who.tls_id)),
          round_trip(who.round_trip),
          owner_(std::move(owner)) {}

    [[nodiscard]] bool plain() const noexcept { return tls_id.empty(); }
    [[nodiscard]] key at() const { return {what.client, what.port}; }
    /// Whether it can still be the one that a silent connection is for.
    [[nodiscard]] bool alive(net::clock::time_point now, std::chrono::milliseconds hold) const {
        return wanted || now < since + hold;
    }

    const std::uint64_t number;
    const std::string session;
    const std::string tls_id;
    const std::chrono::microseconds round_trip;
    const net::clock::time_point since = net::clock::now();
    // The transfer command has come.
    bool wanted = false;
    bool served = false;

private:
    void begin(bool protect) override;
    void withdraw() override { owner_->remove(*this); }
    void end() override {}

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

// ---- Expectations

result<reservation> single_port::impl::expect(asker who) {
    const auto now = net::clock::now();
    const bool plain = who.tls_id.empty();
    const std::lock_guard lock(mutex);
    if (left) return std::unexpected(refusal(errc::busy, who.told, left_to_successor));
    sweep(now);
    place& p = places[{who.client, who.port}];
    const bool barred = now < p.barred_until && p.barred_for_others_than != who.session;
    if (plain && (barred || !p.claims.empty())) {
        const auto why = barred ? "a data connection of another session from your address may still be on its way"
                                : "another session from your address waits for its data connection";
        return std::unexpected(refusal(errc::busy, who.told,
                                       fmt::format("{}, and plain ones can't be told apart; try again, or use TLS", why)));
    }
    if (!plain && !p.claims.empty() && p.claims.front()->plain()) {
        const auto displaced = std::exchange(p.claims, {}).front();
        displaced->refuse(refusal(errc::exhausted, who.told,
                                  "another session from your address began to use TLS, and plain data connections can't be "
                                  "told from its; try again, or use TLS"));
        judge_all(p);
    }
    auto made = std::make_shared<claim>(shared_from_this(), std::move(who), ++last_number);
    p.claims.push_back(made);
    return reservation(std::move(made));
}

// Connections that have come already are sorted to their end: a claim that one of them was found for is no longer among
// these.
void single_port::impl::leave() {
    // Until the mutex is free.
    std::vector<std::shared_ptr<claim>> ended;
    const std::lock_guard lock(mutex);
    left = true;
    for (auto& [where, p] : places) {
        for (auto& each : std::exchange(p.claims, {})) {
            each->refuse(refusal(errc::exhausted, each->what.told, left_to_successor));
            ended.push_back(std::move(each));
        }
        judge_all(p);
    }
}

void single_port::impl::claim::begin(bool protect) {
    if (!plain() && !protect)
        return refuse(refusal(errc::exhausted, what.told, "it was promised for TLS, before PROT C; ask for it again"));
    {
        const std::lock_guard lock(owner_->mutex);
        wanted = true;
    }
    if (!owner_->settings.control) return;
    if (net::clock::now() >= since + owner_->settings.hold)
        return refuse(refusal(errc::exhausted, what.told,
                              fmt::format("a data connection is expected for {} s only; ask for it again",
                                          std::chrono::ceil<std::chrono::seconds>(owner_->settings.hold).count())));
    if (plain())
        home().spawn("single port: settle", settle_later(owner_, std::static_pointer_cast<claim>(shared_from_this())));
}

// Long enough for a connection that the client began with the command, and for those that wait in our own queues.
net::task<> single_port::impl::settle_later(std::shared_ptr<impl> self, std::shared_ptr<claim> which) {
    co_await which->home().sleep_for(limits::single_port_settle + 2 * which->round_trip);
    self->settle(which);
}

void single_port::impl::settle(const std::shared_ptr<claim>& which) {
    const std::lock_guard lock(mutex);
    const auto where = places.find(which->at());
    if (where == places.end()) return;
    place& p = where->second;
    const auto mine = std::ranges::find(p.claims, which);
    if (mine == p.claims.end()) return;
    const auto came = [&](const candidate_ptr& c) { return c->is == verdict::open && c->number > which->number; };
    const auto count = std::ranges::count_if(p.candidates, came);
    which->served = count > 0;
    if (count == 1)
        decide(**std::ranges::find_if(p.candidates, came), verdict::data, which);
    else if (count == 0)
        which->refuse(
            refusal(errc::exhausted, which->what.told,
                    "no data connection had come when the transfer command came, and later ones can't be told from "
                    "new clients; use TLS, or active mode"));
    else
        which->refuse(refusal(
            errc::exhausted, which->what.told,
            fmt::format("{} connections came from your address at once and can't be told apart; try again, or use TLS",
                        count)));
    if (count == 0) {
        p.barred_for_others_than = which->session;
        p.barred_until = net::clock::now() + settings.rest;
    }
    p.claims.erase(mine);
    judge_all(p);
}

void single_port::impl::remove(const claim& which) {
    const std::lock_guard lock(mutex);
    const auto where = places.find(which.at());
    if (where == places.end()) return;
    place& p = where->second;
    const auto mine = std::ranges::find(p.claims, &which, &std::shared_ptr<claim>::get);
    if (mine == p.claims.end()) return;
    // Until the mutex is free.
    const auto kept = *mine;
    if (which.plain() && !which.served) {
        p.barred_for_others_than = which.session;
        p.barred_until = net::clock::now() + settings.rest;
    }
    p.claims.erase(mine);
    judge_all(p);
    tidy(where);
}

std::shared_ptr<single_port::impl::claim> single_port::impl::find(const place& p, const std::string& tls_id) const {
    const auto found = std::ranges::find(p.claims, tls_id, &claim::tls_id);
    return found == p.claims.end() ? nullptr : *found;
}

/// A place that nobody needs is forgotten.
void single_port::impl::tidy(std::map<key, place>::iterator where) {
    if (where->second.is_idle(net::clock::now())) places.erase(where);
}

/// So are those that were barred when they were left, before they become too many.
void single_port::impl::sweep(net::clock::time_point now) {
    if (places.size() < sweep_at) return;
    std::erase_if(places, [now](const auto& each) { return each.second.is_idle(now); });
    sweep_at = std::max(sweep_from, 2 * places.size());
}

// ---- Connections

net::task<std::optional<net::accepted>> single_port::impl::sort(std::shared_ptr<impl> self, net::loop& here,
                                                                net::accepted came, door_kind at) {
    const auto c = std::make_shared<candidate>(here, std::move(came), at);
    const auto due = at == door_kind::data ? net::deadline::max() : c->since + self->settings.hold;
    std::vector<char> bytes(4096);
    std::size_t known = 0;
    if (!self->join(c)) c->is = at == door_kind::data ? verdict::nobody : verdict::new_client;
    while (!self->settled(*c)) {
        self->look_at(*c, bytes, known);
        if (!self->settled(*c)) co_await c->socket.readable(due);
    }
    self->leave(c);
    if (c->is == verdict::data) c->owner->bring(c->give());
    if (c->is == verdict::new_client) co_return c->give();
    if (c->is == verdict::nobody) {
        status::count(self->counters.strangers_refused);
        log::debug(
            {}, fmt::format("refused a connection from {} to {}: no session expects it", c->peer.text(), c->local.text()));
    }
    co_return std::nullopt;
}

/// Whether it is known what it is. If so, that stays.
bool single_port::impl::settled(candidate& c) {
    const std::lock_guard lock(mutex);
    judge(c, net::clock::now());
    return c.is != verdict::open;
}

/// The bytes stay where they are, for whoever takes the connection.
void single_port::impl::look_at(candidate& c, std::vector<char>& bytes, std::size_t& known) {
    auto got = ::recv(c.socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
    if (got == std::ssize(bytes)) {
        bytes.resize(net::longest_tls_hello);
        got = ::recv(c.socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return ended(c);
    if (std::exchange(known, static_cast<std::size_t>(got)) == static_cast<std::size_t>(got)) return;
    const auto said =
        tls ? net::read_tls_hello(*tls, {bytes.data(), known}) : net::tls_hello{net::tls_hello::kind::not_tls, {}};
    listen_to(c, said);
}

/// It has ended before anybody served it.
void single_port::impl::ended(candidate& c) {
    const std::lock_guard lock(mutex);
    if (c.is == verdict::open) decide(c, verdict::nobody);
}

/// False where nothing is expected from that address, or too many are waiting already.
bool single_port::impl::join(const candidate_ptr& c) {
    const std::lock_guard lock(mutex);
    const auto where = places.find({c->peer.address, c->local.port});
    if (where == places.end() || where->second.claims.empty()) return false;
    place& p = where->second;
    c->number = ++last_number;
    p.candidates.push_back(c);
    if (p.candidates.size() > limits::single_port_candidates) c->is = verdict::nobody;
    if (c->at != door_kind::data || !p.claims.front()->plain()) return true;
    // On a port for data alone the next one is it.
    const auto owner = std::exchange(p.claims, {}).front();
    owner->served = true;
    decide(*c, verdict::data, owner);
    return true;
}

/// What its first bytes make of it.
void single_port::impl::listen_to(candidate& c, const net::tls_hello& said) {
    using kind = net::tls_hello::kind;
    const std::lock_guard lock(mutex);
    if (c.is != verdict::open || said.is == kind::need_more) return;
    place& p = places[{c.peer.address, c.local.port}];
    if (const auto owner = said.is == kind::resumes ? find(p, said.session_id_context) : nullptr) {
        owner->served = true;
        std::erase(p.claims, owner);
        decide(c, verdict::data, owner);
        return judge_all(p);
    }
    // Who sends a file waits for 150 first. A new client of implicit TLS speaks TLS, and others, if at all, FTP.
    if (c.at != door_kind::data && (c.at == door_kind::implicit_tls) == (said.is != kind::not_tls))
        return decide(c, verdict::new_client);
    decide(c, verdict::nobody);
    if (said.is == kind::not_tls || p.claims.size() != 1 || p.claims.front()->plain() || !p.claims.front()->wanted) return;
    const auto failed = std::exchange(p.claims, {}).front();
    failed->refuse({errc::tls_not_resumed, 0,
                    "on this port the data connection must resume the TLS session of the control connection; turn session "
                    "reuse on in your client"});
    judge_all(p);
}

/// A connection that no expectation can be meant for is a new client.
void single_port::impl::judge(candidate& c, net::clock::time_point now) const {
    if (c.is != verdict::open) return;
    const auto where = places.find({c.peer.address, c.local.port});
    const bool patient = c.at == door_kind::data;
    const auto met = [&](const auto& each) {
        return each->number < c.number && (patient || each->alive(now, settings.hold));
    };
    const bool waits = where != places.end() && std::ranges::any_of(where->second.claims, met);
    if (waits && (patient || now < c.since + settings.hold)) return;
    decide(c, c.at == door_kind::data ? verdict::nobody : verdict::new_client);
}

void single_port::impl::judge_all(place& p) const {
    const auto now = net::clock::now();
    for (const auto& c : p.candidates) judge(*c, now);
}

/// The coroutine that holds it, on whatever loop, does the rest.
void single_port::impl::decide(candidate& c, verdict what, std::shared_ptr<promise> owner) const {
    c.is = what;
    c.owner = std::move(owner);
    c.here.post([kept = c.shared_from_this()] { kept->socket.interrupt_read(); });
}

void single_port::impl::leave(const candidate_ptr& c) {
    const std::lock_guard lock(mutex);
    const auto where = places.find({c->peer.address, c->local.port});
    if (where == places.end()) return;
    std::erase(where->second.candidates, c);
    tidy(where);
}

// ---- The outside

single_port::single_port(const single_port_settings& settings, std::optional<net::tls_server_context> tls,
                         status::counters& counters)
    : impl_(std::make_shared<impl>(settings, std::move(tls), counters)) {}

single_port::~single_port() = default;

std::uint16_t single_port::own_port() const noexcept { return impl_->settings.port; }

result<reservation> single_port::expect(asker who) { return impl_->expect(std::move(who)); }

void single_port::leave() { impl_->leave(); }

bool single_port::expects(const ip_address& client, std::uint16_t port) const {
    const std::lock_guard lock(impl_->mutex);
    const auto where = impl_->places.find({client, port});
    return where != impl_->places.end() && !where->second.claims.empty();
}

net::task<std::optional<net::accepted>> single_port::sort(net::loop& here, net::accepted came, door_kind at) {
    return impl::sort(impl_, here, std::move(came), at);
}

}  // namespace sallyport::reach
