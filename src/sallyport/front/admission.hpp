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
#include <sallyport/front/penalties.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::front {

class admission;

struct admission_rules {
    std::size_t most = 20000;
    // Sessions; 0: no limit of its own.
    std::size_t most_per_address = 0;
    // New sessions a second; 0: no limit.
    double per_second = 0;
    double per_second_per_address = 0;
    bool penalties = true;
};

/// What is known of who connects.
struct visitor {
    enum class kind : std::uint8_t {
        // The address is the connection's own.
        direct,
        // A load balancer reports it, in a PROXY header.
        reported,
        // The load balancer itself, such as its health check.
        balancer,
    };
    ip_address address;
    kind is = kind::direct;
};

/// The right to one session; gives it back at its end.
class ticket {
public:
    ticket(ticket&& other) noexcept
        : owner_(std::move(other.owner_)), source_(other.source_), punishable_(other.punishable_) {}
    ticket& operator=(ticket&&) = delete;
    ~ticket();

    /// What the session's client did is held against its address.
    void report(offence what);

private:
    friend class admission;
    ticket(std::shared_ptr<admission> owner, std::optional<ip_address> source, bool punishable)
        : owner_(std::move(owner)), source_(source), punishable_(punishable) {}
    std::shared_ptr<admission> owner_;
    // The source for which it counts.
    std::optional<ip_address> source_;
    bool punishable_;
};

enum class refusal : std::uint8_t { full, full_for_address, too_fast, too_fast_for_address, penalised };

/// What the client is told.
[[nodiscard]] std::string_view text_of(refusal why) noexcept;

class admission : public std::enable_shared_from_this<admission> {
public:
    admission(const admission_rules& rules, status::counters& counters) : counters_(counters), rules_(rules) {}

    [[nodiscard]] std::expected<ticket, refusal> admit(const visitor& who);
    /// A client that cannot even be asked who it is: descriptors are short.
    refusal turn_away_unseen();
    /// For those who come from now on.
    void set_rules(const admission_rules& rules);
    /// The sources that are refused because of their failed logins, and the end of that for one of them.
    [[nodiscard]] std::vector<status::login_penalty> login_penalties();
    bool forgive(const ip_address& from);
    /// More sessions than this there are never, whatever the rules say. Returns how many the rules would let in.
    std::size_t bound(std::size_t most);

private:
    friend class ticket;
    void leave(const std::optional<ip_address>& source);
    [[nodiscard]] std::unexpected<refusal> refuse(refusal why);
    [[nodiscard]] std::optional<refusal> too_fast(const ip_address& source, token_bucket::clock::time_point now);

    status::counters& counters_;
    std::mutex mutex_;
    admission_rules rules_;
    std::size_t bound_ = SIZE_MAX;
    // Of all: a limit may come while they are there.
    std::unordered_map<ip_address, std::size_t> by_source_;
    // Where there is such a limit.
    std::optional<token_bucket> pace_;
    // Of sources that came lately.
    std::unordered_map<ip_address, token_bucket> paces_;
    penalties penalties_;
};

}  // namespace sallyport::front
