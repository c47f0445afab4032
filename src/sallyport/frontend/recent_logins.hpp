#pragma once
// The addresses from which a password was accepted in the last hour (limits::recent_login_age): their logins are checked
// before those of other addresses, so that a client who is known does not wait for others who guess.
//
// Addresses are IPv4 addresses or IPv6 /64s (ip_address::client_network). If there are too many, the oldest is removed. A
// value owned by admission control; the caller passes the time. Not thread-safe.

#include <chrono>
#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

#include <sallyport/base/address.hpp>
#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {

class recent_logins {
public:
    using clock = std::chrono::steady_clock;

    void add(const ip_address& source, clock::time_point now) {
        if (const auto found = entries_.find(source); found != entries_.end()) {
            found->second->second = now;
            by_age_.splice(by_age_.end(), by_age_, found->second);
            return;
        }
        if (entries_.size() >= limits::max_recent_logins) {
            entries_.erase(by_age_.front().first);
            by_age_.pop_front();
        }
        by_age_.emplace_back(source, now);
        entries_.emplace(source, std::prev(by_age_.end()));
    }
    [[nodiscard]] bool contains(const ip_address& source, clock::time_point now) const {
        const auto found = entries_.find(source);
        return found != entries_.end() && now - found->second->second < limits::recent_login_age;
    }
    [[nodiscard]] std::size_t tracked() const noexcept { return entries_.size(); }

private:
    using entries = std::list<std::pair<ip_address, clock::time_point>>;
    // The oldest first.
    entries by_age_;
    std::unordered_map<ip_address, entries::iterator> entries_;
};

}  // namespace sallyport::frontend
