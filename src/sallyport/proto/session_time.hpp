#pragma once
// Time and deadlines of the protocol machines. The machines have no clock: the driver passes the current time, and a machine
// returns the time of its next deadline. Values; any thread.

#include <cstdint>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {

/// A time of the driver's steady clock.
using session_time = std::chrono::steady_clock::time_point;

/// The subject of a deadline.
enum class deadline_kind : std::uint8_t {
    nothing,
    // A TLS handshake on the control connection.
    tls,
    // The login, counted from the connection or from the end of the previous login.
    login,
    // An idle session.
    idle,
    // A data connection.
    data,
};

/// A deadline with its subject.
struct session_deadline {
    session_time at = session_time::max();
    deadline_kind kind = deadline_kind::nothing;
};

}  // namespace sallyport::proto
