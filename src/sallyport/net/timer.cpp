#include <sallyport/net/timer.hpp>

#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/memory_reserve.hpp>

namespace sallyport::net {

task<> wait_for(timer& t) {
    const use_memory_reserve for_frame;
    return asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&t](auto resume) {
            const use_memory_reserve for_operation;
            t.async_wait([resume = std::move(resume)](const boost::system::error_code&) mutable { resume(); });
        },
        asio::use_awaitable_t<executor>());
}

}  // namespace sallyport::net
