#include <sallyport/gate/pool.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::gate {
namespace {

// FNV-1a, then the last steps of SplitMix64: the same on every machine and in every release, unlike std::hash, so that a
// client keeps its backend over a restart.
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

/// The same as a number between 0 and 1, neither of them.
[[nodiscard]] double unit(std::uint64_t h) noexcept { return (static_cast<double>(h >> 11U) + 0.5) * 0x1p-53; }

[[nodiscard]] bool contains(const std::vector<backend_id>& list, backend_id id) {
    return std::ranges::find(list, id) != list.end();
}

/// The same but for what may change while it runs.
[[nodiscard]] bool same_server(const backend& a, const backend& b) {
    auto other = b;
    other.terms = a.terms;
    return a == other;
}

/// A "*" in the pattern stands for anything, also nothing.
[[nodiscard]] bool fits(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::optional<std::pair<std::size_t, std::size_t>> star;  // the last one, and the end of what it stands for
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

[[nodiscard]] std::string describe(const backend_terms& t) {
    auto out = fmt::format(
        "weight {}, {}, {}", t.weight,
        t.max_sessions == 0 ? "any number of sessions" : fmt::format("{} sessions at most", t.max_sessions), name(t.state));
    if (t.priority != 0) out += fmt::format(", priority {}", t.priority);
    if (!t.users.empty()) out += fmt::format(", users {}", fmt::join(t.users, ","));
    if (!t.hosts.empty()) out += fmt::format(", hosts {}", fmt::join(t.hosts, ","));
    return out;
}

}  // namespace

// ---- Slots and waiters

slot& slot::operator=(slot&& other) noexcept {
    if (this == &other) return *this;
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    id_ = other.id_;
    where_ = std::move(other.where_);
    return *this;
}

void slot::release() noexcept {
    if (auto* const from = std::exchange(pool_, nullptr)) from->give_back(id_);
}

waiter::~waiter() {
    if (queue_ != nullptr) queue_->leave(*this);
}

choice waiter::take() {
    if (auto* const from = std::exchange(queue_, nullptr)) from->leave(*this);
    if (!given_) return std::unexpected(shortage::full);
    return std::move(given_);
}

// ---- Choosing

pool::pool(const std::vector<backend>& backends, balancing rules) : rules_(rules) {
    for (const auto& b : backends) join(b);
}

void pool::join(const backend& b) {
    members_.push_back(
        {.id = next_id_++, .where = std::make_shared<const backend>(b), .terms = b.terms, .name_hash = hash(b.text())});
}

auto* pool::find(auto& members, backend_id id) noexcept {
    const auto found = std::ranges::lower_bound(members, id, {}, &member::id);
    return found != members.end() && found->id == id ? &*found : nullptr;
}

bool pool::decides_at_login() const {
    const std::scoped_lock lock(mutex_);
    return rules_.policy == balance::user ||
           std::ranges::any_of(members_, [](const member& m) { return m.listed && !m.for_all(); });
}

bool pool::member::names(const caller& who) const {
    const auto among = [](const std::vector<std::string>& names, const std::string& name) {
        return names.empty() || std::ranges::any_of(names, [&](const auto& one) { return fits(one, name); });
    };
    return !for_all() && among(terms.users, who.user) && among(terms.hosts, to_lower(who.host));
}

bool pool::is_named(const caller& who) const {
    return std::ranges::any_of(members_, [&](const member& m) { return m.listed && m.names(who); });
}

/// Who may be chosen, all of them equally well: worse ones only where there is nobody better.
std::expected<std::vector<pool::member*>, shortage> pool::candidates(const caller& who, const std::vector<backend_id>& tried,
                                                                     net::deadline now) {
    using rank = std::pair<unsigned, unsigned>;  // 0: well, 1: failing, 2: down and tried anyway; then the priority
    std::vector<member*> best;
    rank best_rank;
    const bool named = is_named(who);
    auto why = std::ranges::none_of(members_, &member::listed) ? shortage::none : shortage::stranger;
    for (std::size_t step = 0; step < members_.size(); ++step) {
        auto& m = members_[(turn_ + step) % members_.size()];  // equals take turns
        if (!m.listed || (named ? !m.names(who) : !m.for_all())) continue;
        if (why == shortage::stranger) why = shortage::closed;
        if (!m.open()) continue;
        if (contains(tried, m.id) || m.vitals.shut(rules_)) {
            if (why == shortage::closed) why = shortage::failing;
        } else if (!m.has_room()) {
            why = shortage::full;
        } else {
            const bool down = m.vitals.state() == condition::down;
            const rank mine{!m.vitals.rests(rules_, now) ? 0U : down ? 2U : 1U, m.terms.priority};
            if (!best.empty() && mine > best_rank) continue;
            if (mine < best_rank) best.clear();
            best_rank = mine;
            best.push_back(&m);
        }
    }
    if (best.empty()) return std::unexpected(why);
    return best;
}

/// Seconds; for a backend of which nothing is known. It is taken to be like the others, so that it is neither flooded nor
/// passed over.
double pool::usual_response(net::deadline now) const {
    double sum = 0;
    double known = 0;
    for (const auto& m : members_) {
        if (const auto time = m.vitals.response(now)) {
            sum += time->count();
            ++known;
        }
    }
    return known == 0 ? 1 : sum / known;
}

/// Smaller is better.
double pool::cost(const member& m, std::uint64_t key, double usual_response, net::deadline now) const {
    const double weight_now = weight(m, now);
    const double load = static_cast<double>(m.sessions + 1) / weight_now;
    switch (rules_.policy) {
        case balance::round_robin: return -m.credit;
        case balance::least_sessions: return load;
        case balance::least_response: {
            const auto time = m.vitals.response(now);
            return load * (time ? time->count() : usual_response);
        }
        // Rendezvous: an exponential race, won with a probability in proportion to the weight. Each runs by itself, so one
        // that leaves moves only its own clients.
        case balance::client_address:
        case balance::user: return -std::log(unit(mix(m.name_hash ^ key))) / weight_now;
    }
    return 0;
}

choice pool::choose(const caller& who, const std::vector<backend_id>& tried, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    const auto able = candidates(who, tried, now);
    if (!able) return std::unexpected(able.error());

    // Smooth weighted round robin: each earns its weight, the richest gets the session and pays for all.
    double paid = 0;
    for (auto* const m : *able) {
        const double earned = weight(*m, now);
        m->credit += earned;
        paid += earned;
    }
    const auto key = rules_.policy == balance::user ? hash(who.user) : hash(who.address.bytes());
    const auto usual = usual_response(now);
    auto& best = **std::ranges::min_element(*able, {}, [&](const member* m) { return cost(*m, key, usual, now); });
    best.credit -= paid;
    best.vitals.tried(rules_, now);
    turn_ = static_cast<std::size_t>(&best - members_.data()) + 1;
    return take(best);
}

std::vector<backend_id> pool::full_for(const caller& who, const std::vector<backend_id>& tried) const {
    const std::scoped_lock lock(mutex_);
    std::vector<backend_id> out;
    const bool named = is_named(who);
    for (const auto& m : members_) {
        if (m.open() && !m.has_room() && !m.vitals.shut(rules_) && !contains(tried, m.id) &&
            (named ? m.names(who) : m.for_all()))
            out.push_back(m.id);
    }
    return out;
}

slot pool::take(member& m) {
    ++m.sessions;
    ++m.sessions_total;
    return {*this, m.id, m.where};
}

// ---- The queue

bool pool::enqueue(waiter& w) {
    const std::scoped_lock lock(mutex_);
    if (queue_.size() >= limits::backend_queue) return false;
    queue_.push_back(&w);
    w.queue_ = this;
    for (auto& m : members_) serve(m);  // there may be room since it was told that all are full
    return true;
}

/// Gives what room a backend has to those who wait.
void pool::serve(member& m) {
    while (m.open() && m.has_room() && !m.vitals.shut(rules_)) {
        const auto first = std::ranges::find_if(queue_, [&](const waiter* w) {
            return !contains(w->tried_, m.id) && (is_named(w->who_) ? m.names(w->who_) : m.for_all());
        });
        if (first == queue_.end()) return;
        waiter& w = **first;
        queue_.erase(first);
        w.given_ = take(m);
        w.wake_();
    }
}

void pool::leave(waiter& w) noexcept {
    const std::scoped_lock lock(mutex_);
    std::erase(queue_, &w);
}

void pool::give_back(backend_id id) noexcept {
    const std::scoped_lock lock(mutex_);
    auto* const m = find(members_, id);  // who has sessions is there
    --m->sessions;
    serve(*m);
    if (!m->listed && m->sessions == 0) members_.erase(members_.begin() + (m - members_.data()));
}

// ---- What sessions and checks learn

std::optional<condition> pool::failed(backend_id id, std::string reason, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    auto* const m = find(members_, id);
    return m == nullptr ? std::nullopt : m->vitals.failed(rules_, std::move(reason), now);
}

std::optional<condition> pool::answered(backend_id id, witness by, net::clock::duration after, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    auto* const m = find(members_, id);
    if (m == nullptr) return std::nullopt;
    m->vitals.took(after, now);
    const auto change = m->vitals.succeeded(rules_, by, now);
    if (change == condition::up) serve(*m);
    return change;
}

proto::method_set pool::refused_by(const slot& at) const {
    const std::scoped_lock lock(mutex_);
    return find(members_, at.id_)->refused;
}

void pool::learn_refused(const slot& at, proto::method_set refused) {
    const std::scoped_lock lock(mutex_);
    find(members_, at.id_)->refused.insert(refused);
}

// ---- For whoever runs the gateway

std::vector<std::string> pool::adjust(const std::vector<backend>& wanted) {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> changes;
    for (auto& m : members_) {
        const auto found = std::ranges::find_if(wanted, [&](const backend& b) { return same_server(*m.where, b); });
        const bool listed = found != wanted.end();
        if (m.listed && !listed) {
            changes.push_back(fmt::format("Backend {} leaves; sessions still there: {}", m.where->text(), m.sessions));
        } else if (listed && (!m.listed || found->terms != m.terms)) {
            m.terms = found->terms;
            changes.push_back(
                fmt::format("Backend {}{}: {}", m.where->text(), m.listed ? "" : " is back", describe(m.terms)));
        }
        m.listed = listed;
    }
    std::erase_if(members_, [](const member& m) { return !m.listed && m.sessions == 0; });
    for (const auto& b : wanted) {
        if (std::ranges::any_of(members_, [&](const member& m) { return same_server(*m.where, b); })) continue;
        join(b);
        changes.push_back(fmt::format("Backend {} joins: {}", b.text(), describe(b.terms)));
    }
    for (auto& m : members_) serve(m);
    return changes;
}

void pool::set_rules(const balancing& rules) {
    const std::scoped_lock lock(mutex_);
    rules_ = rules;
}

std::vector<std::pair<backend_id, backend>> pool::list() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::pair<backend_id, backend>> out;
    for (const auto& m : members_) {
        if (!m.listed) continue;
        out.emplace_back(m.id, *m.where);
        out.back().second.terms = m.terms;
    }
    return out;
}

std::optional<backend_state> pool::state(backend_id id) const {
    const std::scoped_lock lock(mutex_);
    const auto* const m = find(members_, id);
    return m == nullptr || !m->listed ? std::nullopt : std::optional(m->terms.state);
}

status::pool_snapshot pool::snapshot(net::deadline now) const {
    const std::scoped_lock lock(mutex_);
    status::pool_snapshot out{.backends = {}, .queued = queue_.size()};
    out.backends.reserve(members_.size());
    for (const auto& m : members_) {
        const auto since = m.vitals.since();
        status::backend_snapshot one{.name = m.where->text(),
                                     .state = std::string(m.listed ? name(m.terms.state) : "removed"),
                                     .health = std::string(name(m.vitals.state())),
                                     .reason = m.vitals.reason(),
                                     .since = {},
                                     .weight = m.terms.weight,
                                     .weight_factor = m.vitals.share(rules_, now),
                                     .sessions = m.sessions,
                                     .sessions_max = m.terms.max_sessions,
                                     .sessions_total = m.sessions_total,
                                     .response = m.vitals.response(now)};
        if (since != net::deadline()) one.since = now - since;
        out.backends.push_back(std::move(one));
    }
    return out;
}

}  // namespace sallyport::gate
