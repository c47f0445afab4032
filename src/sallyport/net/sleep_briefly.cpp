#include <sallyport/net/sleep_briefly.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sallyport::net {

task<> sleep_briefly(loop& l, clock::duration time) {
    asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor> timer(l.context(), time);
    co_await timer.async_wait(asio::use_awaitable_t<executor>());
}

}  // namespace sallyport::net
