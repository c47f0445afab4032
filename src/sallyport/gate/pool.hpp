#pragma once
// The backends of a gateway, and which one a session gets (G7). What fails is tried last, what is down not at all.
//
// Backends come and go while it runs. One that left the list gets nobody new and is forgotten when its last session has
// ended; a change of anything but its terms makes it another one.
//
// A backend that names users or hosts is for them alone, and they are for no other one. Where that decides, or the user name
// does, a session's backend is chosen at its login.
//
// Choosing and counting happen in one step under a mutex, held for a look over the list only: this is the one place where
// loops meet. Any thread. No clock and no sockets: the time comes in. The pool must outlive its slots and waiters.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
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
#include <sallyport/status/backend_snapshot.hpp>

namespace sallyport::gate {

class pool;

/// Tells one backend from all that the pool ever had; never used again.
using backend_id = std::uint64_t;

/// One session's place at one backend; given back at destruction.
class slot {
public:
    slot() noexcept = default;
    slot(slot&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_), where_(std::move(other.where_)) {}
    slot& operator=(slot&& other) noexcept;
    ~slot() { release(); }

    [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
    [[nodiscard]] const backend& where() const { return *where_; }  // REQUIRES: *this. Its terms are those of the start
    [[nodiscard]] backend_id id() const noexcept { return id_; }
    void release() noexcept;

private:
    friend class pool;
    slot(pool& owner, backend_id id, std::shared_ptr<const backend> where) noexcept
        : pool_(&owner), id_(id), where_(std::move(where)) {}
    pool* pool_ = nullptr;
    backend_id id_ = 0;
    std::shared_ptr<const backend> where_;
};

/// For whom a backend is chosen. What is not known yet is empty.
struct caller {
    ip_address address;
    std::string user;
    std::string host;  // by the command HOST or by TLS
};

/// Why a session gets no slot. `full` and `none` (no backend is known yet): it may wait for room. `stranger`: no backend is
/// for this caller.
enum class shortage : std::uint8_t { failing, full, closed, none, stranger };
using choice = std::expected<slot, shortage>;

/// A session in the queue for room, served in the order of arrival; leaves it at destruction.
class waiter {
public:
    /// `wake` is called once, from any thread and under the pool's lock: it may only pass the word on.
    waiter(caller who, std::vector<backend_id> tried, std::move_only_function<void()> wake)
        : who_(std::move(who)), tried_(std::move(tried)), wake_(std::move(wake)) {}
    ~waiter();
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    /// What it was given; `full` where it was nothing. It leaves the queue.
    [[nodiscard]] choice take();

private:
    friend class pool;
    caller who_;
    std::vector<backend_id> tried_;
    std::move_only_function<void()> wake_;
    pool* queue_ = nullptr;
    slot given_;
};

class pool {
public:
    pool(const std::vector<backend>& backends, balancing rules);

    /// Whether users, or the hosts they ask for, decide: then a choice before the login would be blind.
    [[nodiscard]] bool decides_at_login() const;
    /// The best backend for this caller that is not among `tried`. A backend that rests is chosen when nothing else is
    /// left. Without checks, one session at a time finds out after its rest whether it is back.
    [[nodiscard]] choice choose(const caller& who, const std::vector<backend_id>& tried, net::deadline now);
    /// Those that this caller could have if they had room.
    [[nodiscard]] std::vector<backend_id> full_for(const caller& who, const std::vector<backend_id>& tried) const;
    /// Puts a session that found all full into the queue. False: the queue is full too.
    [[nodiscard]] bool enqueue(waiter& w);

    // Of a backend that has gone nothing is learned any more.
    std::optional<condition> failed(backend_id id, std::string reason, net::deadline now);
    /// `after`: how long it took to greet.
    std::optional<condition> answered(backend_id id, witness by, net::clock::duration after, net::deadline now);

    /// From now on these are the backends: new ones join, those that are not named any more leave, the others have these
    /// terms and keep what is known of them. Returns a line for each change.
    std::vector<std::string> adjust(const std::vector<backend>& wanted);
    void set_rules(const balancing& rules);

    /// Those on the list, with their terms of now.
    [[nodiscard]] std::vector<std::pair<backend_id, backend>> list() const;
    /// Nothing where it is not on the list.
    [[nodiscard]] std::optional<backend_state> state(backend_id id) const;

    /// What this backend refuses of EPSV, PASV, EPRT and PORT; learned by its sessions.
    [[nodiscard]] proto::method_set refused_by(const slot& at) const;
    void learn_refused(const slot& at, proto::method_set refused);

    [[nodiscard]] status::pool_snapshot snapshot(net::deadline now) const;

private:
    friend class slot;
    friend class waiter;
    struct member {
        backend_id id = 0;
        std::shared_ptr<const backend> where;
        backend_terms terms;
        std::uint64_t name_hash = 0;
        bool listed = true;
        health vitals{};
        std::size_t sessions = 0;
        std::uint64_t sessions_total = 0;
        double credit = 0;  // in round robin: turns it has coming
        proto::method_set refused;

        [[nodiscard]] bool for_all() const noexcept { return terms.users.empty() && terms.hosts.empty(); }
        [[nodiscard]] bool names(const caller& who) const;
        [[nodiscard]] bool open() const noexcept { return listed && terms.state == backend_state::active; }
        [[nodiscard]] bool has_room() const noexcept { return terms.max_sessions == 0 || sessions < terms.max_sessions; }
    };

    [[nodiscard]] static auto* find(auto& members, backend_id id) noexcept;
    void join(const backend& b);
    [[nodiscard]] bool is_named(const caller& who) const;
    [[nodiscard]] std::expected<std::vector<member*>, shortage> candidates(const caller& who,
                                                                           const std::vector<backend_id>& tried,
                                                                           net::deadline now);
    [[nodiscard]] double weight(const member& m, net::deadline now) const noexcept {
        return m.terms.weight * m.vitals.share(rules_, now);
    }
    [[nodiscard]] double cost(const member& m, std::uint64_t key, double usual_response, net::deadline now) const;
    [[nodiscard]] double usual_response(net::deadline now) const;
    [[nodiscard]] slot take(member& m);
    void serve(member& m);
    void leave(waiter& w) noexcept;
    void give_back(backend_id id) noexcept;

    mutable std::mutex mutex_;
    std::vector<member> members_;  // by id
    backend_id next_id_ = 0;
    std::deque<waiter*> queue_;
    balancing rules_;
    std::size_t turn_ = 0;  // where the round goes on
};

}  // namespace sallyport::gate
