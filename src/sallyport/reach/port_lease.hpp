#pragma once
// One port that the router is to forward, and when it must be asked about it again: at half of the lifetime, then at three
// quarters and seven eighths (RFC 6887, section 11.2.1), and after a refusal. A value; one thread at a time.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/reach/mapping.hpp>

namespace sallyport::reach {

/// How long to rest after a failure: twice as long as after the one before it. `before` zero: it is the first.
[[nodiscard]] inline std::chrono::seconds next_rest(std::chrono::seconds before) noexcept {
    return std::clamp<std::chrono::seconds>(before * 2, limits::min_router_rest, limits::max_router_rest);
}

class port_lease {
public:
    using time = std::chrono::steady_clock::time_point;

    explicit port_lease(std::uint16_t local_port) : suggested_(local_port) { state_.local_port = local_port; }

    [[nodiscard]] const mapping& state() const noexcept { return state_; }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return state_.local_port; }
    [[nodiscard]] bool is_live() const noexcept { return state_.external.has_value(); }
    [[nodiscard]] time due() const noexcept { return due_; }
    /// The external port to ask for: the last one, so that it stays what clients were given; at first the local number.
    [[nodiscard]] std::uint16_t suggested_port() const noexcept { return suggested_; }
    /// The protocol by which the router was last asked, so that it may have a mapping to delete; nothing: never.
    [[nodiscard]] std::optional<mapping_protocol> asked_by() const noexcept { return asked_by_; }

    void asked(mapping_protocol by) noexcept { asked_by_ = by; }
    /// The router has said no, so there is nothing to delete.
    void refused() noexcept {
        if (!is_live()) asked_by_.reset();
    }
    /// The router has granted it. REQUIRES: lifetime >= limits::min_mapping_lifetime. It is bounded, so that no router can
    /// make us never ask again.
    void granted(const endpoint& external, std::chrono::seconds lifetime, mapping_protocol by, time now) {
        lifetime_ = std::min<std::chrono::seconds>(lifetime, limits::max_mapping_lifetime);
        state_.external = external;
        state_.by = by;
        state_.expires = now + lifetime_;
        state_.error.clear();
        suggested_ = external.port;
        attempts_ = 1;
        retry_ = {};
        due_ = now + lifetime_ / 2;
    }
    /// The request was refused, or not answered. A mapping that lives is asked for again while it does, then after `pause`,
    /// or a pause that doubles each time.
    void failed(std::string reason, time now, std::chrono::seconds pause = {}) {
        state_.error = std::move(reason);
        retry_ = next_rest(retry_);
        const auto bounded = std::clamp<std::chrono::seconds>(pause, limits::min_router_rest, limits::max_router_rest);
        due_ = now + (pause.count() == 0 ? retry_ : bounded);
        if (is_live()) due_ = next_renewal(now);
    }
    /// Ask at once: the router may have lost it. The mapping stays what it was until then.
    void expire_soon(time now) noexcept { due_ = std::min(due_, now); }
    /// Withdraws a mapping whose lifetime is over. Returns false if there is none.
    [[nodiscard]] bool expire(time now) {
        if (!is_live() || now < state_.expires) return false;
        state_.external.reset();
        due_ = std::max(now, due_);
        return true;
    }
    /// The mapping is no longer wanted, or its router is no longer there.
    void forget(time now) {
        state_.external.reset();
        state_.error.clear();
        asked_by_.reset();
        retry_ = {};
        due_ = now;
    }

private:
    [[nodiscard]] time next_renewal(time now) {
        // 1/2, 3/4 and 7/8; then not before its end.
        const auto left = std::chrono::milliseconds(lifetime_) / (1 << std::min(++attempts_, 4));
        const auto at = attempts_ > 3 ? state_.expires : state_.expires - left;
        return std::max(at, std::min<time>(state_.expires, now + limits::min_mapping_lifetime / 2));
    }

    mapping state_;
    time due_{};
    std::uint16_t suggested_;
    std::optional<mapping_protocol> asked_by_;
    std::chrono::seconds lifetime_{};
    std::chrono::seconds retry_{};
    int attempts_ = 0;
};

}  // namespace sallyport::reach
