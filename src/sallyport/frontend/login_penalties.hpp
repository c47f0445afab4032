#pragma once
// Temporary rejection of addresses after failed logins (AU-02), modeled after OpenSSH's PerSourcePenalties: each failed
// login adds time to the penalty of its source, and a source whose penalty exceeds a threshold is rejected until it expires.
//
// A source is an IPv4 address or an IPv6 /64 (ip_address::client_network). A value owned by admission control; the caller
// passes the time. Not thread-safe.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::frontend {

enum class login_failure : std::uint8_t {
    refused,
    // Did not log in within the login timeout.
    timed_out,
};

class login_penalties {
public:
    using clock = std::chrono::steady_clock;

    /// Adds the penalty for this failure, up to limits::max_penalty.
    void add(const ip_address& source, login_failure failure, clock::time_point now);
    /// Whether the penalty of this source is long enough to reject it.
    [[nodiscard]] bool rejects(const ip_address& source, clock::time_point now);
    /// The sources that are rejected at `now`, those with the longest remaining time first.
    [[nodiscard]] std::vector<status::login_penalty> list(clock::time_point now);
    /// Removes the penalty of the source. False if it has none.
    bool forgive(const ip_address& source, clock::time_point now);
    [[nodiscard]] std::size_t tracked() const noexcept { return sources_.size(); }

private:
    using sources_by_end = std::multimap<clock::time_point, ip_address>;
    struct penalty {
        sources_by_end::iterator end;
        bool enforced = false;
    };

    void remove_expired(clock::time_point now);
    void remove_shortest();

    std::unordered_map<ip_address, penalty> sources_;
    sources_by_end ends_;
};

}  // namespace sallyport::frontend
