#include <sallyport/gate/pool.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

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

[[nodiscard]] bool contains(const std::vector<std::size_t>& list, std::size_t index) {
    return std::ranges::find(list, index) != list.end();
}

[[nodiscard]] std::string describe(const backend_terms& t) {
    return fmt::format("weight {}, {}, {}", t.weight,
                       t.max_sessions == 0 ? "any number of sessions" : fmt::format("{} sessions at most", t.max_sessions),
                       name(t.state));
}

}  // namespace

// ---- Slots and waiters

slot& slot::operator=(slot&& other) noexcept {
    if (this == &other) return *this;
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    index_ = other.index_;
    return *this;
}

const backend& slot::where() const { return pool_->members_[index_].where; }

void slot::release() noexcept {
    if (auto* const from = std::exchange(pool_, nullptr)) from->give_back(index_);
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

pool::pool(std::vector<backend> backends, balancing rules) : rules_(rules) {
    members_.reserve(backends.size());
    for (auto& b : backends) {
        const auto name_hash = hash(b.text());
        const auto terms = b.terms;
        members_.push_back({.where = std::move(b), .terms = terms, .name_hash = name_hash});
    }
}

/// Who may be chosen, all of them equally well: worse ones only where there is nobody better.
std::expected<std::vector<std::size_t>, shortage> pool::candidates(const std::vector<std::size_t>& tried,
                                                                   net::deadline now) const {
    std::array<std::vector<std::size_t>, 3> tiers;  // well; failing; down and tried anyway
    auto why = shortage::closed;
    for (std::size_t step = 0; step < members_.size(); ++step) {
        const auto index = (turn_ + step) % members_.size();  // equals take turns
        const auto& m = members_[index];
        if (m.terms.state != backend_state::active) continue;
        if (contains(tried, index) || m.vitals.shut(rules_)) {
            if (why == shortage::closed) why = shortage::failing;
        } else if (!m.has_room()) {
            why = shortage::full;
        } else {
            const bool down = m.vitals.state() == condition::down;
            tiers[!m.vitals.rests(rules_, now) ? 0U : down ? 2U : 1U].push_back(index);
        }
    }
    for (auto& tier : tiers) {
        if (!tier.empty()) return std::move(tier);
    }
    return std::unexpected(why);
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
double pool::cost(const member& m, std::uint64_t client, double usual_response, net::deadline now) const {
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
        case balance::client_address: return -std::log(unit(mix(m.name_hash ^ client))) / weight_now;
    }
    return 0;
}

choice pool::choose(const ip_address& client, const std::vector<std::size_t>& tried, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    const auto able = candidates(tried, now);
    if (!able) return std::unexpected(able.error());

    // Smooth weighted round robin: each earns its weight, the richest gets the session and pays for all.
    double paid = 0;
    for (const auto index : *able) {
        const double earned = weight(members_[index], now);
        members_[index].credit += earned;
        paid += earned;
    }
    const auto client_hash = hash(client.bytes());
    const auto usual = usual_response(now);
    const auto best = std::ranges::min(*able, {}, [&](std::size_t i) { return cost(members_[i], client_hash, usual, now); });
    members_[best].credit -= paid;
    members_[best].vitals.tried(rules_, now);
    turn_ = (best + 1) % members_.size();
    return take(best);
}

slot pool::take(std::size_t index) {
    ++members_[index].sessions;
    ++members_[index].sessions_total;
    return {*this, index};
}

// ---- The queue

bool pool::enqueue(waiter& w) {
    const std::scoped_lock lock(mutex_);
    if (queue_.size() >= limits::backend_queue) return false;
    queue_.push_back(&w);
    w.queue_ = this;
    for (std::size_t i = 0; i < members_.size(); ++i) serve(i);  // there may be room since it was told that all are full
    return true;
}

/// Gives what room a backend has to those who wait.
void pool::serve(std::size_t index) {
    const auto& m = members_[index];
    while (m.terms.state == backend_state::active && m.has_room() && !m.vitals.shut(rules_)) {
        const auto first = std::ranges::find_if(queue_, [&](const waiter* w) { return !contains(w->tried_, index); });
        if (first == queue_.end()) return;
        waiter& w = **first;
        queue_.erase(first);
        w.given_ = take(index);
        w.wake_();
    }
}

void pool::leave(waiter& w) noexcept {
    const std::scoped_lock lock(mutex_);
    std::erase(queue_, &w);
}

void pool::give_back(std::size_t index) noexcept {
    const std::scoped_lock lock(mutex_);
    --members_[index].sessions;
    serve(index);
}

// ---- What sessions and checks learn

std::optional<condition> pool::failed(std::size_t index, std::string reason, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    return members_[index].vitals.failed(rules_, std::move(reason), now);
}

std::optional<condition> pool::answered(std::size_t index, witness by, net::clock::duration after, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    auto& vitals = members_[index].vitals;
    vitals.took(after, now);
    const auto change = vitals.succeeded(rules_, by, now);
    if (change == condition::up) serve(index);
    return change;
}

backend_state pool::state(std::size_t index) const {
    const std::scoped_lock lock(mutex_);
    return members_[index].terms.state;
}

proto::method_set pool::refused_by(const slot& at) const {
    const std::scoped_lock lock(mutex_);
    return members_[at.index_].refused;
}

void pool::learn_refused(const slot& at, proto::method_set refused) {
    const std::scoped_lock lock(mutex_);
    members_[at.index_].refused.insert(refused);
}

// ---- For whoever runs the gateway

std::vector<std::string> pool::adjust(const std::vector<backend>& wanted) {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> changes;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        auto& m = members_[i];
        const auto found = std::ranges::find(wanted, m.where.text(), &backend::text);
        auto terms = found == wanted.end() ? m.terms : found->terms;
        if (found == wanted.end()) terms.state = backend_state::drain;
        if (terms == m.terms) continue;
        m.terms = terms;
        changes.push_back(fmt::format("Backend {}: {}", m.where.text(), describe(terms)));
        serve(i);
    }
    for (const auto& b : wanted) {
        const auto same = [&](const member& m) { return m.where.text() == b.text(); };
        if (std::ranges::none_of(members_, same))
            changes.push_back(fmt::format("Backend {} is new; it takes sessions after a restart", b.text()));
    }
    return changes;
}

void pool::set_rules(const balancing& rules) {
    const std::scoped_lock lock(mutex_);
    rules_ = rules;
}

pool_snapshot pool::snapshot(net::deadline now) const {
    const std::scoped_lock lock(mutex_);
    pool_snapshot out{.backends = {}, .waiting = queue_.size()};
    out.backends.reserve(members_.size());
    for (const auto& m : members_) {
        const auto since = m.vitals.since();
        out.backends.push_back({.name = m.where.text(),
                                .terms = m.terms,
                                .health = m.vitals.state(),
                                .reason = m.vitals.reason(),
                                .since_change = since == net::deadline() ? std::nullopt : std::optional(now - since),
                                .share = m.vitals.share(rules_, now),
                                .sessions = m.sessions,
                                .sessions_total = m.sessions_total,
                                .response = m.vitals.response(now)});
    }
    return out;
}

}  // namespace sallyport::gate
