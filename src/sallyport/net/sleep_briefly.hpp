#pragma once
// A wait of a few milliseconds: shorter than the deadlines' granularity, at the cost of a timer of its own. Loop thread
// only.

#include <sallyport/net/loop.hpp>

namespace sallyport::net {

task<> sleep_briefly(loop& l, clock::duration time);

}  // namespace sallyport::net
