#pragma once
// Time as the machines of server and gateway get it. They have no clock: the driver says what time it is, and they say by
// when they want to be asked again. A value; any thread.

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {

/// When something happens or is due, by the driver's steady clock.
using session_time = std::chrono::steady_clock::time_point;

}  // namespace sallyport::proto
