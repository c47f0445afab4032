#pragma once
// Runs several coroutines at the same time on one loop, and waits for all of them. A function for the thread of the loop,
// which outlives the call; it owns the coroutines. If one of them cannot be started, the exception leaves after those have
// ended that were.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <utility>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::client {

namespace detail {

inline net::task<> run_lane(net::task<> work, std::size_t& running, net::event& ended) {
    // Also after an exception, since the caller waits.
    const at_exit count([&running, &ended] {
        if (--running == 0) ended.set();
    });
    co_await std::move(work);
}

inline net::task<> run_next_ones(std::size_t& next, std::size_t count, const std::function<net::task<>(std::size_t)>& work) {
    while (next < count) co_await work(next++);
}

}  // namespace detail

/// `make` is called `count` times, at the beginning.
inline net::task<> run_lanes(net::loop& l, std::size_t count, std::function<net::task<>()> make) {
    if (count == 0) co_return;
    std::size_t running = count;
    net::event ended(l);
    std::exception_ptr failure;
    std::size_t started = 0;
    try {
        for (; started < count; ++started) l.spawn("one of several", detail::run_lane(make(), running, ended));
    } catch (...) {
        // The others refer to what is in this frame, and in those of the callers.
        failure = std::current_exception();
        running -= count - started;
    }
    if (running > 0) (void)co_await ended.wait(net::deadline::max());
    if (failure) std::rethrow_exception(failure);
}

/// Calls `work` for each index below `count`, in order, `lanes` of them at a time.
inline net::task<> run_each(net::loop& l, std::size_t lanes, std::size_t count,
                            std::function<net::task<>(std::size_t index)> work) {
    std::size_t next = 0;
    co_await run_lanes(l, std::min(lanes, count), [&] { return detail::run_next_ones(next, count, work); });
}

}  // namespace sallyport::client
