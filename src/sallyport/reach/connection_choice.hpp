#pragma once
// Which data connection is the client's, if several arrive from its address and its TLS session can be resumed (TLS-04): the
// rules, as values without I/O. Time is an input.
//
// Only the client can resume the TLS session of its control connection, so a data connection that does so is chosen at once.
// One that starts a new session may be that of another host with the same address (NAT). It is held until the transfer
// command has arrived and some time has passed (hold_time); then it is chosen, since not every client can resume sessions. A
// client that was served in this way is not held again until it resumes a session: it is delayed once, not at each transfer.
// One that arrived by then and is still silent may be the client's. It is waited for, but not for long (silent_delay), since
// another host could open it only to delay the client.
//
// Used by one session, on its loop.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <sallyport/base/limits.hpp>

namespace sallyport::reach {

/// How long after the hold time a silent data connection can delay the choice: long enough for a ClientHello that was lost
/// to be sent again, which is after one second (RFC 6298, section 2), and for the handshake.
inline constexpr auto silent_delay = 6 * limits::new_tls_session_delay;

/// What a session's data connections have shown about its client.
class resumption_history {
public:
    /// How long a data connection that starts a new session is held after the transfer command. Zero: it is not.
    [[nodiscard]] std::chrono::microseconds hold_time(std::chrono::microseconds round_trip) const noexcept {
        if (!holds_) return {};
        return limits::new_tls_session_delay + 2 * round_trip;
    }
    /// The data connection has resumed the session.
    void resumed() noexcept { holds_ = true; }
    /// A data connection with a new session was chosen.
    void served_new_session() noexcept { holds_ = false; }

private:
    bool holds_ = true;
};

/// The connections of one reservation, in the order in which they arrived.
class connection_choice {
public:
    using time_point = std::chrono::steady_clock::time_point;
    enum class state : std::uint8_t {
        // Its first TLS message has not arrived, or the handshake is not complete.
        silent,
        // It resumes no session.
        new_session,
        // The handshake is complete, and has resumed the control connection's session.
        resumed,
        failed,
    };

    /// `started`: when the transfer command arrived.
    connection_choice(time_point started, std::chrono::microseconds hold_time)
        : holds_(hold_time.count() > 0), hold_until_(started + hold_time) {}

    /// Returns the number of the connection.
    [[nodiscard]] std::size_t add(time_point now) {
        connections_.push_back({state::silent, holds_ && now < hold_until_});
        return connections_.size() - 1;
    }
    [[nodiscard]] state of(std::size_t connection) const { return connections_[connection].is; }
    void set(std::size_t connection, state to) { connections_[connection].is = to; }
    /// Further connections were rejected, one of which may have been the client's. So none with a new session is chosen if
    /// they are held.
    void set_overflowed() noexcept { overflowed_ = true; }

    /// The client's connection, if that is decided. One that is silent may still resume the session, within silent_delay.
    [[nodiscard]] std::optional<std::size_t> chosen(time_point now) const {
        if (const auto found = first(state::resumed)) return found;
        if (!accepts_new_sessions() || now < earliest_new_session()) return std::nullopt;
        if (waits_for_silent(now)) return std::nullopt;
        return first(state::new_session);
    }
    /// Whether none can be chosen any more.
    [[nodiscard]] bool has_failed(time_point now) const {
        if (now < earliest_new_session() || first(state::resumed) || first(state::silent)) return false;
        return !accepts_new_sessions() || !first(state::new_session);
    }
    /// When the two above may change although no connection does.
    [[nodiscard]] time_point next_decision(time_point now) const {
        if (now < earliest_new_session()) return hold_until_;
        return waits_for_silent(now) ? hold_until_ + silent_delay : time_point::max();
    }

private:
    struct candidate {
        state is;
        // It arrived while connections were held.
        bool is_early;
    };

    [[nodiscard]] bool accepts_new_sessions() const noexcept { return !(holds_ && overflowed_); }
    [[nodiscard]] time_point earliest_new_session() const noexcept { return holds_ ? hold_until_ : time_point::min(); }
    [[nodiscard]] bool waits_for_silent(time_point now) const {
        return now < hold_until_ + silent_delay &&
               std::ranges::any_of(
                   connections_, [](const candidate& each) { return each.is == state::silent && each.is_early; });
    }
    [[nodiscard]] std::optional<std::size_t> first(state in) const {
        for (std::size_t i = 0; i < connections_.size(); ++i)
            if (connections_[i].is == in) return i;
        return std::nullopt;
    }

    bool holds_;
    time_point hold_until_;
    bool overflowed_ = false;
    std::vector<candidate> connections_;
};

}  // namespace sallyport::reach
