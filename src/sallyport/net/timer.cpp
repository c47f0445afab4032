#include <sallyport/net/timer.hpp>

#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/work_note.hpp>

namespace sallyport::net {

task<> wait_for(timer& t) {
    const use_memory_reserve for_frame;
    return asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&t](auto resume) {
            const use_memory_reserve for_operation;
            t.async_wait([resume = std::move(resume), note = work_note::take()](const boost::system::error_code&) mutable {
                note.set();
                resume();
            });
        },
        asio::use_awaitable_t<executor>());
}

}  // namespace sallyport::net
