#pragma once
// Waits for a few milliseconds, less than the granularity of deadlines. Costs a timer, owned by the waiting coroutine. Loop
// thread only.

#include <sallyport/net/loop.hpp>

namespace sallyport::net {

task<> sleep_briefly(loop& l, clock::duration time);

}  // namespace sallyport::net
