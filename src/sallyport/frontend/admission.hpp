#pragma once
// Admission control: decides whether a new connection becomes a session. It limits the number of sessions, in total, before
// the login (login_pool.hpp) and per address, and the rate of new ones, and rejects addresses temporarily after failed
// logins. Rejected connections get 421.
//
// Limits per address apply to the source of a connection (ip_address::client_network). A load balancer's own connections,
// such as health checks, count in the totals and in no other limit, so that they do not use up what its clients share.
// Connections from a loopback address get no penalty and may be as many as the totals allow, unless a maximum per address is
// configured: they come from a gateway or load balancer on this machine, which must not be rejected for what its clients do.
// That does not apply to a loopback address in a PROXY header.
//
// Owned by the frontend through a shared pointer; each admitted session holds a reference with its slot. Any thread.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/frontend/account_guesses.hpp>
#include <sallyport/frontend/limit_notices.hpp>
#include <sallyport/frontend/login_penalties.hpp>
#include <sallyport/frontend/login_pool.hpp>
#include <sallyport/frontend/recent_logins.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::frontend {

class admission;

enum class rejection : std::uint8_t {
    max_sessions,
    max_sessions_before_login,
    max_sessions_per_address,
    max_sessions_per_address_before_login,
    max_session_rate,
    max_session_rate_per_address,
    // Failed logins from the client's address.
    login_penalty,
    // Failed logins for the account, from all addresses together.
    account_guesses
};

/// The text of the 421 reply.
[[nodiscard]] std::string_view text_of(rejection reason) noexcept;

struct admission_rules {
    std::size_t max_sessions = 20000;
    // Sessions that have not logged in. 0: a tenth of the maximum number of sessions, see limits::min_login_pool.
    std::size_t max_sessions_before_login = 0;
    // Nothing: half of the maximum number of sessions. 0: no limit per address. Except with 0, an address may also hold at
    // most half of the sessions that have not logged in.
    std::optional<std::size_t> max_sessions_per_address;
    // New sessions per second; 0: no limit.
    double max_session_rate = 0;
    double max_session_rate_per_address = 0;
    bool login_penalties = true;
    // Wrong passwords per minute for one account from addresses without a recent login; 0: no limit.
    unsigned max_account_guesses = 0;
};

/// Where a connection comes from.
struct connection_source {
    enum class kind : std::uint8_t {
        // The address is the peer of the TCP connection.
        direct,
        // The address was sent in a PROXY header.
        proxied,
        // The load balancer connects for itself, for example for a health check.
        load_balancer,
    };
    ip_address address;
    kind type = kind::direct;
};

/// A counted place for one session under the limits; released by the destructor. Any thread.
class admission_slot {
public:
    admission_slot(admission_slot&&) noexcept = default;
    admission_slot& operator=(admission_slot&&) = delete;
    ~admission_slot();

    /// Adds a penalty for this failure to the client's address, and counts it for the account.
    void report(login_failure failure);
    /// Whether no password of this account may be checked for the client now, because of failed logins from its address, or
    /// for this account from others. Call it before each check of a password; a login that is rejected is counted.
    [[nodiscard]] std::optional<rejection> rejects_login(std::string_view account);
    /// The client has logged in, or its login cannot be seen here: the session leaves the pool of those before the login.
    void leave_login_pool();
    /// A password was accepted.
    void report_login();
    /// After rejects_login(), no password was checked after all: the login uses up nothing. The destructor assumes this
    /// where no result was reported.
    void report_unchecked();
    /// Whether a password was accepted from the client's address in the last hour.
    [[nodiscard]] bool has_recent_login() const;

private:
    friend class admission;
    admission_slot(std::shared_ptr<admission> owner, std::optional<ip_address> source, bool penalizable)
        : owner_(std::move(owner)), source_(source), penalizable_(penalizable) {}
    std::shared_ptr<admission> owner_;
    // The source for which the session is counted; empty for a load balancer's own connections.
    std::optional<ip_address> source_;
    bool penalizable_;
    bool before_login_ = true;
    // The account whose password is checked now or was checked last, and whether a guess is reserved for it. Empty for an
    // anonymous name.
    std::string account_;
    bool guess_reserved_ = false;
};

class admission : public std::enable_shared_from_this<admission> {
public:
    admission(const admission_rules& rules, status::counters& counters) : counters_(counters), rules_(rules) {
        account_guesses_.set_limit(rules.max_account_guesses);
    }

    [[nodiscard]] std::expected<admission_slot, rejection> admit(const connection_source& from);
    /// Counts a connection that is rejected because the process is short of descriptors, before its source is known.
    rejection reject_without_descriptors();
    /// Applies to new connections.
    void set_rules(const admission_rules& rules);
    /// The sources that are rejected because of failed logins. forgive() removes the penalty of one of them; false if it has
    /// none.
    [[nodiscard]] std::vector<status::login_penalty> list_login_penalties();
    bool forgive(const ip_address& address);
    /// See frontend::penalize().
    void penalize(const ip_address& address);
    [[nodiscard]] bool is_penalized(const ip_address& address);
    /// Limits the number of sessions to `max_sessions`, even if the rules allow more. Returns the maximum of the rules.
    std::size_t cap_sessions(std::size_t max_sessions);

private:
    friend class admission_slot;
    struct session_counts {
        std::size_t all = 0;
        std::size_t before_login = 0;
    };
    // The limits that follow from the rules; none is SIZE_MAX.
    struct session_limits {
        std::size_t all;
        std::size_t before_login;
        std::size_t per_address;
        std::size_t per_address_before_login;
    };
    [[nodiscard]] session_limits limits_for(bool penalizable) const noexcept;
    [[nodiscard]] std::optional<rejection> check_sessions(const session_limits& max, const std::optional<ip_address>& source,
                                                          bool penalizable) const;
    [[nodiscard]] bool is_known(const ip_address& source) const {
        return recent_logins_.contains(source, recent_logins::clock::now());
    }
    [[nodiscard]] std::optional<rejection> check_account(admission_slot& slot, std::string_view account);
    void give_back_guess(admission_slot& slot);
    void release(admission_slot& slot);
    void leave_login_pool(const admission_slot& slot);
    void log_limit(rejection reason, const ip_address& source, const session_limits& max);
    [[nodiscard]] std::unexpected<rejection> reject(rejection reason);
    [[nodiscard]] std::optional<rejection> check_rates(const ip_address& source, token_bucket::clock::time_point now);

    status::counters& counters_;
    std::mutex mutex_;
    admission_rules rules_;
    std::size_t session_cap_ = SIZE_MAX;
    // Counted without a limit as well, since a reload may set one.
    std::unordered_map<ip_address, session_counts> sessions_by_source_;
    login_pool before_login_;
    limit_notices limit_notices_;
    // Empty without a limit on the rate of all new sessions.
    std::optional<token_bucket> bucket_;
    // For sources that have connected recently.
    std::unordered_map<ip_address, token_bucket> buckets_by_source_;
    login_penalties login_penalties_;
    account_guesses account_guesses_;
    recent_logins recent_logins_;
};

}  // namespace sallyport::frontend
