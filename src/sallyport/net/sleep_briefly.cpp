#include <sallyport/net/sleep_briefly.hpp>

#include <sallyport/net/timer.hpp>

namespace sallyport::net {

task<> sleep_briefly(loop& l, clock::duration time) {
    timer t(l.context(), time);
    co_await wait_for(t);
}

}  // namespace sallyport::net
