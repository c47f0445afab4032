#include <sallyport/gate/pool.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

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

}  // namespace

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

pool::pool(std::vector<backend> backends, balance policy, std::chrono::seconds rest) : policy_(policy), rest_(rest) {
    members_.reserve(backends.size());
    for (auto& b : backends) {
        const auto name_hash = hash(b.text());
        members_.push_back({.where = std::move(b), .name_hash = name_hash});
    }
}

// Smaller is better.
std::uint64_t pool::rank(const member& m, std::size_t index, std::uint64_t client) const noexcept {
    switch (policy_) {
        case balance::least_sessions: return m.sessions;
        case balance::round_robin: return (index + members_.size() - turn_) % members_.size();
        case balance::client_address: return mix(m.name_hash ^ client);  // rendezvous: one that leaves moves only its own
    }
    return 0;
}

slot pool::choose(const ip_address& client, const std::vector<std::size_t>& tried, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    const auto client_hash = hash(client.bytes());
    std::optional<std::size_t> best;
    std::tuple<bool, std::uint64_t> best_key;
    for (std::size_t step = 0; step < members_.size(); ++step) {
        const auto index = (turn_ + step) % members_.size();  // equals take turns
        if (std::ranges::find(tried, index) != tried.end()) continue;
        const auto& m = members_[index];
        const std::tuple key(m.rests_until > now, rank(m, index, client_hash));
        if (best && !(key < best_key)) continue;
        best = index;
        best_key = key;
    }
    if (!best) return {};
    auto& chosen = members_[*best];
    turn_ = (*best + 1) % members_.size();
    ++chosen.sessions;
    if (chosen.failing) chosen.rests_until = now + rest_;
    return {*this, *best};
}

void pool::failed(const slot& at, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    auto& m = members_[at.index_];
    m.failing = true;
    m.rests_until = now + rest_;
}

void pool::answered(const slot& at) {
    const std::scoped_lock lock(mutex_);
    auto& m = members_[at.index_];
    m.failing = false;
    m.rests_until = {};
}

bool pool::speaks_epsv(const slot& at) const {
    const std::scoped_lock lock(mutex_);
    return members_[at.index_].epsv;
}

void pool::learn_epsv(const slot& at, bool speaks) {
    const std::scoped_lock lock(mutex_);
    members_[at.index_].epsv = speaks;
}

std::vector<std::size_t> pool::sessions() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::size_t> counts;
    counts.reserve(members_.size());
    for (const auto& m : members_) counts.push_back(m.sessions);
    return counts;
}

void pool::give_back(std::size_t index) noexcept {
    const std::scoped_lock lock(mutex_);
    --members_[index].sessions;
}

}  // namespace sallyport::gate
