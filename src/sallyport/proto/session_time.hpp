#pragma once
// Time as the machines of server and gateway get it. They have no clock: the driver says what time it is, and they say by
// when they want to be asked again. A value; any thread.

#include <cstdint>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {

/// When something happens or is due, by the driver's steady clock.
using session_time = std::chrono::steady_clock::time_point;

/// What is over when its time has passed.
enum class deadline_kind : std::uint8_t {
    nothing,
    // A handshake of the control connection.
    tls,
    // From the connection, or from the end of the login before.
    login,
    // A session without a command.
    idle,
    // The wait for a data connection.
    data,
};

/// A time, and what is over then.
struct session_deadline {
    session_time at = session_time::max();
    deadline_kind kind = deadline_kind::nothing;
};

}  // namespace sallyport::proto
