#pragma once
// Who may have a session (421 for the others): how many in all and from one address, how many new ones a second, and none
// for a while for addresses that guess passwords. Any thread.
//
// What is counted for an address is counted for its source (ip_address::client_network). A load balancer's own connections
// count among all sessions and in nothing else: what its clients share must not be used up by its health checks. Loopback is
// never punished, where it is the connection's own address: that is a gateway or a front end of this machine, which would be
// refused for what its clients do. A header that names loopback says nothing of the kind.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/frontend/login_penalties.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::frontend {

class admission;

struct admission_rules {
    std::size_t max_sessions = 20000;
    // Sessions; 0: no limit of its own.
    std::size_t max_sessions_per_address = 0;
    // New sessions a second; 0: no limit.
    double max_session_rate = 0;
    double max_session_rate_per_address = 0;
    bool login_penalties = true;
};

/// What is known of who connects.
struct connection_source {
    enum class kind : std::uint8_t {
        // The address is the connection's own.
        direct,
        // A load balancer reports it, in a PROXY header.
        proxied,
        // The load balancer itself, such as its health check.
        load_balancer,
    };
    ip_address address;
    kind type = kind::direct;
};

/// The right to one session; gives it back at its end.
class admission_slot {
public:
    admission_slot(admission_slot&& other) noexcept
        : owner_(std::move(other.owner_)), source_(other.source_), penalizable_(other.penalizable_) {}
    admission_slot& operator=(admission_slot&&) = delete;
    ~admission_slot();

    /// What the session's client did is held against its address.
    void report(login_failure failure);

private:
    friend class admission;
    admission_slot(std::shared_ptr<admission> owner, std::optional<ip_address> source, bool penalizable)
        : owner_(std::move(owner)), source_(source), penalizable_(penalizable) {}
    std::shared_ptr<admission> owner_;
    // The source for which it counts.
    std::optional<ip_address> source_;
    bool penalizable_;
};

enum class rejection : std::uint8_t {
    max_sessions,
    max_sessions_per_address,
    max_session_rate,
    max_session_rate_per_address,
    login_penalty
};

/// What the client is told.
[[nodiscard]] std::string_view text_of(rejection reason) noexcept;

class admission : public std::enable_shared_from_this<admission> {
public:
    admission(const admission_rules& rules, status::counters& counters) : counters_(counters), rules_(rules) {}

    [[nodiscard]] std::expected<admission_slot, rejection> admit(const connection_source& from);
    /// A client that cannot even be asked who it is: descriptors are short.
    rejection reject_without_descriptors();
    /// For those who come from now on.
    void set_rules(const admission_rules& rules);
    /// The sources that are refused because of their failed logins, and the end of that for one of them.
    [[nodiscard]] std::vector<status::login_penalty> list_login_penalties();
    bool forgive(const ip_address& address);
    /// More sessions than this there are never, whatever the rules say. Returns how many the rules would let in.
    std::size_t cap_sessions(std::size_t max_sessions);

private:
    friend class admission_slot;
    void release(const std::optional<ip_address>& source);
    [[nodiscard]] std::unexpected<rejection> reject(rejection reason);
    [[nodiscard]] std::optional<rejection> check_rates(const ip_address& source, token_bucket::clock::time_point now);

    status::counters& counters_;
    std::mutex mutex_;
    admission_rules rules_;
    std::size_t session_cap_ = SIZE_MAX;
    // Of all: a limit may come while they are there.
    std::unordered_map<ip_address, std::size_t> sessions_by_source_;
    // Where there is such a limit.
    std::optional<token_bucket> bucket_;
    // Of sources that came lately.
    std::unordered_map<ip_address, token_bucket> buckets_by_source_;
    login_penalties login_penalties_;
};

}  // namespace sallyport::frontend
