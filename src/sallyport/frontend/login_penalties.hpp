#pragma once
// Who guesses passwords waits longer and longer (AU-02), after OpenSSH's PerSourcePenalties: each offence adds to the time
// of its source, and a source that owes more than a threshold is refused until its time is over.
//
// A source is an IPv4 address or an IPv6 /64 (ip_address::client_network). Pure: the caller tells the time. Not safe from
// several threads at once.

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
    // Kept a session for all the time a login may take.
    timed_out,
};

class login_penalties {
public:
    using clock = std::chrono::steady_clock;

    /// Adds what the offence costs; more than limits::max_penalty is never owed.
    void add(const ip_address& source, login_failure failure, clock::time_point now);
    /// Whether the source owes enough to be refused.
    [[nodiscard]] bool rejects(const ip_address& source, clock::time_point now);
    /// Those that are refused at `now`, the longest first.
    [[nodiscard]] std::vector<status::login_penalty> list(clock::time_point now);
    /// Lets the source in again, and forgets what it did. False where nothing was known of it.
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
