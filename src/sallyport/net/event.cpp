#include <sallyport/net/event.hpp>
#include <sallyport/net/timer.hpp>

namespace sallyport::net {

event::event(loop& l) : timer_(l.get_executor()) {}

void event::set() {
    set_ = true;
    timer_.cancel();
}

task<bool> event::wait(deadline until) {
    // The waiting coroutine usually owns the event, so the event is not used unless the wait has ended.
    if (!set_) {
        timer_.expires_at(until);
        co_await wait_for(timer_);
    }
    co_return set_;
}

}  // namespace sallyport::net
