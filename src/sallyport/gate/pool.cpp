#include <sallyport/gate/pool.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/memory_reserve.hpp>

namespace sallyport::gate {
namespace {

// FNV-1a, then the last steps of SplitMix64. Unlike std::hash it gives the same value on every machine and in every release,
// so that a client keeps its backend after a restart.
[[nodiscard]] std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

[[nodiscard]] std::uint64_t hash(const auto& bytes) noexcept {
    std::uint64_t h = 0xcbf29ce484222325U;
    for (const auto b : bytes) h = (h ^ static_cast<std::uint8_t>(b)) * 0x100000001b3U;
    return mix(h);
}

/// The hash as a number between 0 and 1, both excluded.
[[nodiscard]] double unit(std::uint64_t h) noexcept { return (static_cast<double>(h >> 11U) + 0.5) * 0x1p-53; }

[[nodiscard]] bool contains(const std::vector<backend_id>& list, backend_id id) {
    return std::ranges::find(list, id) != list.end();
}

/// Whether they differ at most in their parameters.
[[nodiscard]] bool same_server(const backend& a, const backend& b) {
    auto other = b;
    other.parameters = a.parameters;
    return a == other;
}

/// A "*" in the pattern matches any text, also an empty one.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    // The last "*", and the end of the text that it matches.
    std::optional<std::pair<std::size_t, std::size_t>> star;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star.emplace(p++, t);
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star) {
            p = star->first + 1;
            t = ++star->second;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

[[nodiscard]] std::string describe(const backend_parameters& t) {
    auto out = fmt::format("weight {}, {}, {}", t.weight,
                           t.max_sessions == 0 ? "no session limit" : fmt::format("session limit {}", t.max_sessions),
                           name(t.state));
    if (t.priority != 0) out += fmt::format(", priority {}", t.priority);
    if (!t.users.empty()) out += fmt::format(", users {}", fmt::join(t.users, ","));
    if (!t.hosts.empty()) out += fmt::format(", hosts {}", fmt::join(t.hosts, ","));
    return out;
}

}  // namespace

// ---- Slots and queued sessions

backend_slot& backend_slot::operator=(backend_slot&& other) noexcept {
    if (this == &other) return *this;
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    id_ = other.id_;
    server_ = std::move(other.server_);
    return *this;
}

void backend_slot::release() noexcept {
    if (auto* const from = std::exchange(pool_, nullptr)) from->release(id_);
}

queued_session::~queued_session() {
    if (pool_ != nullptr) pool_->remove(*this);
}

backend_choice queued_session::leave_queue() {
    if (auto* const from = std::exchange(pool_, nullptr)) from->remove(*this);
    if (!slot_) return std::unexpected(no_backend_reason::at_limit);
    return std::move(slot_);
}

// ---- Choosing

pool::pool(const std::vector<backend>& backends, balancing_rules rules) : rules_(rules) {
    for (const auto& b : backends) add(b);
}

void pool::add(const backend& b) {
    entries_.push_back({.id = next_id_++,
                        .server = std::make_shared<const backend>(b),
                        .parameters = b.parameters,
                        .name_hash = hash(b.text())});
}

auto* pool::find(auto& entries, backend_id id) noexcept {
    const auto found = std::ranges::lower_bound(entries, id, {}, &entry::id);
    return found != entries.end() && found->id == id ? &*found : nullptr;
}

bool pool::selects_at_login() const {
    const std::scoped_lock lock(mutex_);
    return rules_.policy == balancing_policy::user ||
           std::ranges::any_of(entries_, [](const entry& m) { return m.listed && !m.is_unrestricted(); });
}

bool pool::entry::is_reserved_for(const client_info& client) const {
    const auto among = [](const std::vector<std::string>& names, const std::string& name) {
        return names.empty() || std::ranges::any_of(names, [&](const auto& one) { return matches(one, name); });
    };
    return !is_unrestricted() && among(parameters.users, client.user) && among(parameters.hosts, to_lower(client.host));
}

bool pool::has_reserved_backend(const client_info& client) const {
    return std::ranges::any_of(entries_, [&](const entry& m) { return m.listed && m.is_reserved_for(client); });
}

/// The backends of the best rank that can take this client.
std::expected<std::vector<pool::entry*>, no_backend_reason> pool::candidates(const client_info& client,
                                                                             const std::vector<backend_id>& tried,
                                                                             net::deadline now) {
    // First 0 for up, 1 for failing, 2 for down and tried anyway; then the priority.
    using rank = std::pair<unsigned, unsigned>;
    std::vector<entry*> best;
    rank best_rank;
    const bool reserved = has_reserved_backend(client);
    auto reason =
        std::ranges::none_of(entries_, &entry::listed) ? no_backend_reason::not_resolved : no_backend_reason::not_permitted;
    for (std::size_t offset = 0; offset < entries_.size(); ++offset) {
        // Backends of the same rank take turns.
        auto& m = entries_[(next_index_ + offset) % entries_.size()];
        if (!m.listed || (reserved ? !m.is_reserved_for(client) : !m.is_unrestricted())) continue;
        if (reason == no_backend_reason::not_permitted) reason = no_backend_reason::maintenance;
        if (!m.accepts_sessions()) continue;
        if (contains(tried, m.id) || m.health.is_excluded(rules_)) {
            if (reason == no_backend_reason::maintenance) reason = no_backend_reason::unavailable;
        } else if (!m.has_free_slot()) {
            reason = no_backend_reason::at_limit;
        } else {
            const bool down = m.health.state() == health_state::down;
            const rank this_rank{!m.health.is_in_retry_delay(rules_, now) ? 0U : down ? 2U : 1U, m.parameters.priority};
            if (!best.empty() && this_rank > best_rank) continue;
            if (this_rank < best_rank) best.clear();
            best_rank = this_rank;
            best.push_back(&m);
        }
    }
    if (best.empty()) return std::unexpected(reason);
    return best;
}

/// In seconds. Used for a backend without a response time, so that it gets neither all sessions nor none.
double pool::mean_response_time(net::deadline now) const {
    double sum = 0;
    double known = 0;
    for (const auto& m : entries_) {
        if (const auto time = m.health.response_time(now)) {
            sum += time->count();
            ++known;
        }
    }
    return known == 0 ? 1 : sum / known;
}

/// The backend with the lowest cost gets the session.
double pool::cost(const entry& m, std::uint64_t key, double mean_response_time, net::deadline now) const {
    const double weight = effective_weight(m, now);
    const double load = static_cast<double>(m.sessions + 1) / weight;
    switch (rules_.policy) {
        case balancing_policy::round_robin: return -m.round_robin_credit;
        case balancing_policy::least_sessions: return load;
        case balancing_policy::least_response_time: {
            const auto time = m.health.response_time(now);
            return load * (time ? time->count() : mean_response_time);
        }
        // Rendezvous hashing with weights: the probability of each backend is in proportion to its weight, and a removed
        // backend moves only its own clients.
        case balancing_policy::client_address:
        case balancing_policy::user: return -std::log(unit(mix(m.name_hash ^ key))) / weight;
    }
    return 0;
}

backend_choice pool::choose(const client_info& client, const std::vector<backend_id>& tried, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    const auto candidates_found = candidates(client, tried, now);
    if (!candidates_found) return std::unexpected(candidates_found.error());

    // Smooth weighted round robin: each candidate earns its weight, the one with the most credit gets the session and pays
    // the sum.
    double paid = 0;
    for (auto* const m : *candidates_found) {
        const double earned = effective_weight(*m, now);
        m->round_robin_credit += earned;
        paid += earned;
    }
    const auto key = rules_.policy == balancing_policy::user ? hash(client.user) : hash(client.address.bytes());
    const auto mean = mean_response_time(now);
    auto& best = **std::ranges::min_element(*candidates_found, {}, [&](const entry* m) { return cost(*m, key, mean, now); });
    best.round_robin_credit -= paid;
    best.health.note_attempt(rules_, now);
    next_index_ = static_cast<std::size_t>(&best - entries_.data()) + 1;
    return acquire_slot(best);
}

std::vector<backend_id> pool::at_limit_for(const client_info& client, const std::vector<backend_id>& tried) const {
    const std::scoped_lock lock(mutex_);
    std::vector<backend_id> out;
    const bool reserved = has_reserved_backend(client);
    for (const auto& m : entries_) {
        if (m.accepts_sessions() && !m.has_free_slot() && !m.health.is_excluded(rules_) && !contains(tried, m.id) &&
            (reserved ? m.is_reserved_for(client) : m.is_unrestricted()))
            out.push_back(m.id);
    }
    return out;
}

backend_slot pool::acquire_slot(entry& m) {
    ++m.sessions;
    ++m.sessions_total;
    return {*this, m.id, m.server};
}

// ---- The queue

bool pool::enqueue(queued_session& w) {
    const std::scoped_lock lock(mutex_);
    if (queue_.size() >= limits::max_queued_sessions) return false;
    queue_.push_back(&w);
    w.pool_ = this;
    // A slot may have become free since the choice failed.
    for (auto& m : entries_) serve_queue(m);
    return true;
}

/// Assigns the free slots of a backend to queued sessions.
void pool::serve_queue(entry& m) {
    while (m.accepts_sessions() && m.has_free_slot() && !m.health.is_excluded(rules_)) {
        const auto first = std::ranges::find_if(queue_, [&](const queued_session* w) {
            return !contains(w->tried_, m.id) &&
                   (has_reserved_backend(w->client_) ? m.is_reserved_for(w->client_) : m.is_unrestricted());
        });
        if (first == queue_.end()) return;
        queued_session& w = **first;
        queue_.erase(first);
        w.slot_ = acquire_slot(m);
        w.wake_();
    }
}

void pool::remove(queued_session& w) noexcept {
    const std::scoped_lock lock(mutex_);
    std::erase(queue_, &w);
}

void pool::release(backend_id id) noexcept {
    const use_memory_reserve reserve;
    const std::scoped_lock lock(mutex_);
    // A backend with sessions is never erased.
    auto* const m = find(entries_, id);
    --m->sessions;
    serve_queue(*m);
    if (!m->listed && m->sessions == 0) entries_.erase(entries_.begin() + (m - entries_.data()));
}

// ---- Results of sessions and health checks

std::optional<health_state> pool::failed(backend_id id, std::string reason, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    auto* const m = find(entries_, id);
    return m == nullptr ? std::nullopt : m->health.failed(rules_, std::move(reason), now);
}

std::optional<health_state> pool::responded(backend_id id, health_source source, net::clock::duration response_time,
                                            net::deadline now) {
    const std::scoped_lock lock(mutex_);
    auto* const m = find(entries_, id);
    if (m == nullptr) return std::nullopt;
    m->health.add_response_time(response_time, now);
    const auto change = m->health.succeeded(rules_, source, now);
    if (change == health_state::up) serve_queue(*m);
    return change;
}

proto::method_set pool::refused_methods(const backend_slot& at) const {
    const std::scoped_lock lock(mutex_);
    return find(entries_, at.id_)->refused;
}

void pool::learn_refused_methods(const backend_slot& at, proto::method_set refused) {
    const std::scoped_lock lock(mutex_);
    find(entries_, at.id_)->refused.insert(refused);
}

// ---- Configuration and status

std::vector<std::string> pool::set_backends(const std::vector<backend>& wanted) {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> changes;
    for (auto& m : entries_) {
        const auto found = std::ranges::find_if(wanted, [&](const backend& b) { return same_server(*m.server, b); });
        const bool listed = found != wanted.end();
        if (m.listed && !listed) {
            changes.push_back(fmt::format("Backend {} removed; sessions remaining: {}", m.server->text(), m.sessions));
        } else if (listed && (!m.listed || found->parameters != m.parameters)) {
            m.parameters = found->parameters;
            changes.push_back(
                fmt::format("Backend {}{}: {}", m.server->text(), m.listed ? "" : " listed again", describe(m.parameters)));
        }
        m.listed = listed;
    }
    std::erase_if(entries_, [](const entry& m) { return !m.listed && m.sessions == 0; });
    for (const auto& b : wanted) {
        if (std::ranges::any_of(entries_, [&](const entry& m) { return same_server(*m.server, b); })) continue;
        add(b);
        changes.push_back(fmt::format("Backend {} added: {}", b.text(), describe(b.parameters)));
    }
    for (auto& m : entries_) serve_queue(m);
    return changes;
}

void pool::set_rules(const balancing_rules& rules) {
    const std::scoped_lock lock(mutex_);
    rules_ = rules;
}

std::vector<std::pair<backend_id, backend>> pool::list() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::pair<backend_id, backend>> out;
    for (const auto& m : entries_) {
        if (!m.listed) continue;
        out.emplace_back(m.id, *m.server);
        out.back().second.parameters = m.parameters;
    }
    return out;
}

std::optional<backend_state> pool::state(backend_id id) const {
    const std::scoped_lock lock(mutex_);
    const auto* const m = find(entries_, id);
    return m == nullptr || !m->listed ? std::nullopt : std::optional(m->parameters.state);
}

status::pool_snapshot pool::snapshot(net::deadline now) const {
    const std::scoped_lock lock(mutex_);
    status::pool_snapshot out{.backends = {}, .queued = queue_.size()};
    out.backends.reserve(entries_.size());
    for (const auto& m : entries_) {
        const auto since = m.health.since();
        status::backend_snapshot one{.name = m.server->text(),
                                     .state = std::string(m.listed ? name(m.parameters.state) : "removed"),
                                     .health = std::string(name(m.health.state())),
                                     .reason = m.health.reason(),
                                     .since = {},
                                     .weight = m.parameters.weight,
                                     .weight_factor = m.health.weight_factor(rules_, now),
                                     .sessions = m.sessions,
                                     .sessions_max = m.parameters.max_sessions,
                                     .sessions_total = m.sessions_total,
                                     .response = m.health.response_time(now)};
        if (since != net::deadline()) one.since = now - since;
        out.backends.push_back(std::move(one));
    }
    return out;
}

}  // namespace sallyport::gate
