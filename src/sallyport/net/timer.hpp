#pragma once
// Asio's timer for one wait of one coroutine. Owned by the coroutine or by its object, which must not outlive the loop. Loop
// thread only.

#include <boost/asio/basic_waitable_timer.hpp>
#include <sallyport/net/asio.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::net {

using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

/// Waits until the timer expires or is cancelled. Uses the memory reserve, as a wait must not fail.
[[nodiscard]] task<> wait_for(timer& t);

}  // namespace sallyport::net
