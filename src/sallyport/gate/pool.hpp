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
class backend_slot {
public:
    backend_slot() noexcept = default;
    backend_slot(backend_slot&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_), server_(std::move(other.server_)) {}
    backend_slot& operator=(backend_slot&& other) noexcept;
    ~backend_slot() { release(); }

    [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
    [[nodiscard]] const backend& server() const { return *server_; }  // REQUIRES: *this. Its terms are those of the start
    [[nodiscard]] backend_id id() const noexcept { return id_; }
    void release() noexcept;

private:
    friend class pool;
    backend_slot(pool& owner, backend_id id, std::shared_ptr<const backend> server) noexcept
        : pool_(&owner), id_(id), server_(std::move(server)) {}
    pool* pool_ = nullptr;
    backend_id id_ = 0;
    std::shared_ptr<const backend> server_;
};

/// For whom a backend is chosen. What is not known yet is empty.
struct client_info {
    ip_address address;
    std::string user;
    std::string host;  // by the command HOST or by TLS
};

/// Why a session gets no slot. `full` and `none` (no backend is known yet): it may wait for room. `stranger`: no backend is
/// for this caller.
enum class no_backend_reason : std::uint8_t { unavailable, at_limit, maintenance, not_resolved, not_permitted };
using backend_choice = std::expected<backend_slot, no_backend_reason>;

/// A session in the queue for room, served in the order of arrival; leaves it at destruction.
class queued_session {
public:
    /// `wake` is called once, from any thread and under the pool's lock: it may only pass the word on.
    queued_session(client_info client, std::vector<backend_id> tried, std::move_only_function<void()> wake)
        : client_(std::move(client)), tried_(std::move(tried)), wake_(std::move(wake)) {}
    ~queued_session();
    queued_session(const queued_session&) = delete;
    queued_session& operator=(const queued_session&) = delete;

    /// What it was given; `full` where it was nothing. It leaves the queue.
    [[nodiscard]] backend_choice leave_queue();

private:
    friend class pool;
    client_info client_;
    std::vector<backend_id> tried_;
    std::move_only_function<void()> wake_;
    pool* pool_ = nullptr;
    backend_slot slot_;
};

class pool {
public:
    pool(const std::vector<backend>& backends, balancing_rules rules);

    /// Whether users, or the hosts they ask for, decide: then a choice before the login would be blind.
    [[nodiscard]] bool selects_at_login() const;
    /// The best backend for this caller that is not among `tried`. A backend that rests is chosen when nothing else is
    /// left. Without checks, one session at a time finds out after its rest whether it is back.
    [[nodiscard]] backend_choice choose(const client_info& client, const std::vector<backend_id>& tried, net::deadline now);
    /// Those that this caller could have if they had room.
    [[nodiscard]] std::vector<backend_id> at_limit_for(const client_info& client,
                                                       const std::vector<backend_id>& tried) const;
    /// Puts a session that found all full into the queue. False: the queue is full too.
    [[nodiscard]] bool enqueue(queued_session& w);

    // Of a backend that has gone nothing is learned any more.
    std::optional<health_state> failed(backend_id id, std::string reason, net::deadline now);
    /// `after`: how long it took to greet.
    std::optional<health_state> responded(backend_id id, health_source source, net::clock::duration response_time,
                                          net::deadline now);

    /// From now on these are the backends: new ones join, those that are not named any more leave, the others have these
    /// terms and keep what is known of them. Returns a line for each change.
    std::vector<std::string> set_backends(const std::vector<backend>& wanted);
    void set_rules(const balancing_rules& rules);

    /// Those on the list, with their terms of now.
    [[nodiscard]] std::vector<std::pair<backend_id, backend>> list() const;
    /// Nothing where it is not on the list.
    [[nodiscard]] std::optional<backend_state> state(backend_id id) const;

    /// What this backend refuses of EPSV, PASV, EPRT and PORT; learned by its sessions.
    [[nodiscard]] proto::method_set refused_methods(const backend_slot& at) const;
    void learn_refused_methods(const backend_slot& at, proto::method_set refused);

    [[nodiscard]] status::pool_snapshot snapshot(net::deadline now) const;

private:
    friend class backend_slot;
    friend class queued_session;
    struct entry {
        backend_id id = 0;
        std::shared_ptr<const backend> server;
        backend_parameters parameters;
        std::uint64_t name_hash = 0;
        bool listed = true;
        backend_health health{};
        std::size_t sessions = 0;
        std::uint64_t sessions_total = 0;
        double round_robin_credit = 0;  // in round robin: turns it has coming
        proto::method_set refused;

        [[nodiscard]] bool is_unrestricted() const noexcept { return parameters.users.empty() && parameters.hosts.empty(); }
        [[nodiscard]] bool is_reserved_for(const client_info& client) const;
        [[nodiscard]] bool accepts_sessions() const noexcept { return listed && parameters.state == backend_state::active; }
        [[nodiscard]] bool has_free_slot() const noexcept {
            return parameters.max_sessions == 0 || sessions < parameters.max_sessions;
        }
    };

    [[nodiscard]] static auto* find(auto& entries, backend_id id) noexcept;
    void add(const backend& b);
    [[nodiscard]] bool has_reserved_backend(const client_info& client) const;
    [[nodiscard]] std::expected<std::vector<entry*>, no_backend_reason> candidates(const client_info& client,
                                                                                   const std::vector<backend_id>& tried,
                                                                                   net::deadline now);
    [[nodiscard]] double effective_weight(const entry& m, net::deadline now) const noexcept {
        return m.parameters.weight * m.health.weight_factor(rules_, now);
    }
    [[nodiscard]] double cost(const entry& m, std::uint64_t key, double mean_response_time, net::deadline now) const;
    [[nodiscard]] double mean_response_time(net::deadline now) const;
    [[nodiscard]] backend_slot acquire_slot(entry& m);
    void serve_queue(entry& m);
    void remove(queued_session& w) noexcept;
    void release(backend_id id) noexcept;

    mutable std::mutex mutex_;
    std::vector<entry> entries_;  // by id
    backend_id next_id_ = 0;
    std::deque<queued_session*> queue_;
    balancing_rules rules_;
    std::size_t next_index_ = 0;  // where the round goes on
};

}  // namespace sallyport::gate
