#pragma once
// Whether a router has lost its mappings, from the epoch in its answers: the seconds since it cleared them (RFC 6887,
// section 8.5; RFC 6886, section 3.6). A value; one thread at a time.

#include <chrono>
#include <cstdint>
#include <optional>

namespace sallyport::reach {

class epoch_check {
public:
    using time = std::chrono::steady_clock::time_point;

    /// Notes an epoch. Returns false if the router's clock does not agree with ours since the last one: then it has
    /// restarted.
    [[nodiscard]] bool note(std::uint32_t epoch, time now) noexcept {
        const bool good = is_consistent(epoch, now);
        last_ = {epoch, now};
        return good;
    }
    /// The same, but an announcement, which any host can send, is not noted.
    [[nodiscard]] bool is_consistent(std::uint32_t epoch, time now) const noexcept {
        if (!last_) return true;
        const auto ours = std::chrono::duration_cast<std::chrono::seconds>(now - last_->when).count();
        const auto theirs = std::int64_t{epoch} - std::int64_t{last_->epoch};
        // A datagram that has been overtaken.
        if (theirs < -1) return false;
        return theirs + 2 >= ours - ours / 16 && ours + 2 >= theirs - theirs / 16;
    }
    void forget() noexcept { last_.reset(); }

private:
    struct observation {
        std::uint32_t epoch;
        time when;
    };
    std::optional<observation> last_;
};

}  // namespace sallyport::reach
