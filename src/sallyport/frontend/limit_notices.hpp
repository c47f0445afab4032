#pragma once
// Which addresses have reached a limit: each is logged once an hour (limits::limit_notice_interval), however often it is
// rejected. A value owned by admission control; the caller passes the time. Not thread-safe.

#include <chrono>
#include <cstddef>
#include <unordered_map>

#include <sallyport/base/address.hpp>
#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {

class limit_notices {
public:
    using clock = std::chrono::steady_clock;

    /// True if a line about this address should be written now.
    [[nodiscard]] bool note(const ip_address& source, clock::time_point now) {
        if (const auto found = last_.find(source); found != last_.end()) {
            if (now - found->second < limits::limit_notice_interval) return false;
            found->second = now;
            return true;
        }
        if (last_.size() >= limits::max_limit_notices) {
            if (now < next_sweep_) return false;
            next_sweep_ = now + limits::limit_notice_interval / 60;
            std::erase_if(last_, [now](const auto& at) { return now - at.second >= limits::limit_notice_interval; });
            if (last_.size() >= limits::max_limit_notices) return false;
        }
        last_.emplace(source, now);
        return true;
    }

private:
    std::unordered_map<ip_address, clock::time_point> last_;
    clock::time_point next_sweep_{};
};

}  // namespace sallyport::frontend
