#pragma once
// The backends of a gateway, and which one a session gets (G7). What fails is tried last, what is down not at all.
//
// Choosing and counting happen in one step under a mutex, held for a look over the list only: this is the one place where
// loops meet. Any thread. No clock and no sockets: the time comes in. The pool must outlive its slots and waiters.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/health.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::gate {

class pool;

/// One session's place at one backend; given back at destruction.
class slot {
public:
    slot() noexcept = default;
    slot(slot&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
    slot& operator=(slot&& other) noexcept;
    ~slot() { release(); }

    [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
    [[nodiscard]] const backend& where() const;  // REQUIRES: *this. Its terms are those of the start
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    void release() noexcept;

private:
    friend class pool;
    slot(pool& owner, std::size_t index) noexcept : pool_(&owner), index_(index) {}
    pool* pool_ = nullptr;
    std::size_t index_ = 0;
};

/// Why a session gets no slot. `full`: it may wait for room.
enum class shortage : std::uint8_t { failing, full, closed };
using choice = std::expected<slot, shortage>;

/// A session in the queue for room, served in the order of arrival; leaves it at destruction.
class waiter {
public:
    /// `wake` is called once, from any thread and under the pool's lock: it may only pass the word on.
    waiter(std::vector<std::size_t> tried, std::move_only_function<void()> wake)
        : tried_(std::move(tried)), wake_(std::move(wake)) {}
    ~waiter();
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    /// What it was given; `full` where it was nothing. It leaves the queue.
    [[nodiscard]] choice take();

private:
    friend class pool;
    std::vector<std::size_t> tried_;
    std::move_only_function<void()> wake_;
    pool* queue_ = nullptr;
    slot given_;
};

struct backend_snapshot {
    std::string name;
    backend_terms terms;
    condition health = condition::up;
    std::string reason;  // why it is not up
    std::optional<net::clock::duration> since_change;
    double share = 1;  // of its weight; less in a slow start
    std::size_t sessions = 0;
    std::uint64_t sessions_total = 0;
    std::optional<std::chrono::duration<double>> response;
};

struct pool_snapshot {
    std::vector<backend_snapshot> backends;  // in the order of the settings
    std::size_t waiting = 0;
};

class pool {
public:
    pool(std::vector<backend> backends, balancing rules);

    /// The best backend for this client that is not among `tried`. A backend that rests is chosen when nothing else is
    /// left. Without checks, one session at a time finds out after its rest whether it is back.
    [[nodiscard]] choice choose(const ip_address& client, const std::vector<std::size_t>& tried, net::deadline now);
    /// Puts a session that found all full into the queue. False: the queue is full too.
    [[nodiscard]] bool enqueue(waiter& w);

    std::optional<condition> failed(std::size_t index, std::string reason, net::deadline now);
    /// `after`: how long it took to greet.
    std::optional<condition> answered(std::size_t index, witness by, net::clock::duration after, net::deadline now);
    [[nodiscard]] backend_state state(std::size_t index) const;

    /// New terms for the backends of the same name; those that are not in the list any more are drained. Returns a line for
    /// each change, and for each that has no place here because the pool was built without it.
    std::vector<std::string> adjust(const std::vector<backend>& wanted);
    void set_rules(const balancing& rules);

    /// What this backend refuses of EPSV, PASV, EPRT and PORT; learned by its sessions.
    [[nodiscard]] proto::method_set refused_by(const slot& at) const;
    void learn_refused(const slot& at, proto::method_set refused);

    [[nodiscard]] pool_snapshot snapshot(net::deadline now) const;

private:
    friend class slot;
    friend class waiter;
    struct member {
        backend where;
        backend_terms terms;
        std::uint64_t name_hash = 0;
        health vitals{};
        std::size_t sessions = 0;
        std::uint64_t sessions_total = 0;
        double credit = 0;  // in round robin: turns it has coming
        proto::method_set refused;

        [[nodiscard]] bool has_room() const noexcept { return terms.max_sessions == 0 || sessions < terms.max_sessions; }
    };

    [[nodiscard]] std::expected<std::vector<std::size_t>, shortage> candidates(const std::vector<std::size_t>& tried,
                                                                               net::deadline now) const;
    [[nodiscard]] double weight(const member& m, net::deadline now) const noexcept {
        return m.terms.weight * m.vitals.share(rules_, now);
    }
    [[nodiscard]] double cost(const member& m, std::uint64_t client, double usual_response, net::deadline now) const;
    [[nodiscard]] double usual_response(net::deadline now) const;
    [[nodiscard]] slot take(std::size_t index);
    void serve(std::size_t index);
    void leave(waiter& w) noexcept;
    void give_back(std::size_t index) noexcept;

    mutable std::mutex mutex_;
    std::vector<member> members_;
    std::deque<waiter*> queue_;
    balancing rules_;
    std::size_t turn_ = 0;  // where the round goes on
};

}  // namespace sallyport::gate
