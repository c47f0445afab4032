#pragma once
// The backend pool: the backends of a gateway with their state, the balancing policy, and the session queue (G7). A failing
// backend is tried last, one that is down is not tried.
//
// Backends can be added and removed at runtime. A removed backend gets no new sessions and is erased when its last session
// has ended; a change of anything but its parameters makes it another backend.
//
// A backend with users or hosts is reserved for them, and they use no other backend. If users or hosts decide, or the policy
// uses the user name, the backend is selected at the login.
//
// A backend is chosen and its session counted in one step, under a mutex that is held only to go through the list. Any
// thread; it is the one place where sessions of different loops meet. No clock and no sockets: the time is passed in. The
// pool must outlive its slots and queued sessions.

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

/// Identifies a backend among all that the pool has ever had; never reused.
using backend_id = std::uint64_t;

/// One session counted at one backend; released at destruction.
class backend_slot {
public:
    backend_slot() noexcept = default;
    backend_slot(backend_slot&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_), server_(std::move(other.server_)) {}
    backend_slot& operator=(backend_slot&& other) noexcept;
    ~backend_slot() { release(); }

    [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
    /// REQUIRES: *this. Its parameters are those of the time when it was added.
    [[nodiscard]] const backend& server() const { return *server_; }
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

/// The client of a session, as far as the choice of a backend needs it. Unknown parts are empty.
struct client_info {
    ip_address address;
    std::string user;
    // From the HOST command or TLS SNI.
    std::string host;
};

/// Why a session gets no slot. `unavailable`: every backend has failed or is down. `at_limit`: every backend is at its
/// session limit. `maintenance`: none accepts new sessions. `not_resolved`: no backend is known yet. `not_permitted`: no
/// backend may be used by this client. With `at_limit` and `not_resolved` a session can wait in the queue.
enum class no_backend_reason : std::uint8_t { unavailable, at_limit, maintenance, not_resolved, not_permitted };
using backend_choice = std::expected<backend_slot, no_backend_reason>;

/// A session in the session queue, which is served in order of arrival; it leaves the queue at destruction.
class queued_session {
public:
    /// `wake` is called at most once, from any thread and under the pool's mutex: it may only post to a loop.
    queued_session(client_info client, std::vector<backend_id> tried, std::move_only_function<void()> wake)
        : client_(std::move(client)), tried_(std::move(tried)), wake_(std::move(wake)) {}
    ~queued_session();
    queued_session(const queued_session&) = delete;
    queued_session& operator=(const queued_session&) = delete;

    /// Leaves the queue. Returns the assigned slot, or `at_limit` if there is none.
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

    /// Whether the choice needs the user name or the host, and so has to wait for the login.
    [[nodiscard]] bool selects_at_login() const;
    /// The best backend for this client that is not in `tried`. A failing backend is chosen only if no other is left.
    /// Without health checks one session at a time probes it after the retry delay.
    [[nodiscard]] backend_choice choose(const client_info& client, const std::vector<backend_id>& tried, net::deadline now);
    /// The backends that this client could use if they were not at their session limit.
    [[nodiscard]] std::vector<backend_id> at_limit_for(const client_info& client,
                                                       const std::vector<backend_id>& tried) const;
    /// Adds a session to the queue. False if the queue is full.
    [[nodiscard]] bool enqueue(queued_session& w);

    // Both have no effect on a backend that was erased, and return the new state if it has changed.
    std::optional<health_state> failed(backend_id id, std::string reason, net::deadline now);
    /// `response_time`: time to the greeting.
    std::optional<health_state> responded(backend_id id, health_source source, net::clock::duration response_time,
                                          net::deadline now);

    /// Sets the list of backends: new ones are added, missing ones removed, the others get these parameters and keep their
    /// state. Returns one line for each change.
    std::vector<std::string> set_backends(const std::vector<backend>& wanted);
    void set_rules(const balancing_rules& rules);

    /// The listed backends with their current parameters.
    [[nodiscard]] std::vector<std::pair<backend_id, backend>> list() const;
    /// Nothing if it is not listed.
    [[nodiscard]] std::optional<backend_state> state(backend_id id) const;

    /// The data methods that this backend refuses, as its sessions have reported.
    [[nodiscard]] proto::method_set refused_methods(const backend_slot& at) const;
    void learn_refused_methods(const backend_slot& at, proto::method_set refused);

    [[nodiscard]] status::pool_snapshot snapshot(net::deadline now) const;

private:
    friend class backend_slot;
    friend class queued_session;
    /// One backend with its state.
    struct entry {
        backend_id id = 0;
        std::shared_ptr<const backend> server;
        backend_parameters parameters;
        std::uint64_t name_hash = 0;
        bool listed = true;
        backend_health health{};
        std::size_t sessions = 0;
        std::uint64_t sessions_total = 0;
        double round_robin_credit = 0;
        proto::method_set refused;

        [[nodiscard]] bool is_unrestricted() const noexcept { return parameters.users.empty() && parameters.hosts.empty(); }
        /// It is reserved for some clients, and this is one of them.
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
    // Sorted by ID.
    std::vector<entry> entries_;
    backend_id next_id_ = 0;
    std::deque<queued_session*> queue_;
    balancing_rules rules_;
    // Where round robin continues.
    std::size_t next_index_ = 0;
};

}  // namespace sallyport::gate
