#pragma once
// A thread pool for DNS lookups of the system's resolver.
//
// A lookup can block for longer than the program takes to stop, so the pool lives until the process ends and its threads are
// never joined. Loop thread only.

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {

[[nodiscard]] worker_pool& resolver_pool();
/// For names that clients choose.
[[nodiscard]] worker_pool& client_resolver_pool();

/// Runs `lookup` in the pool and returns its result on this loop; nothing after the time limit or an exception. `lookup` may
/// outlive the caller and the loop; after the time limit it does not start.
template <class Lookup>
task<std::optional<std::invoke_result_t<Lookup&>>> run_in_resolver_pool(loop& l, Lookup lookup, time_limit limit,
                                                                        worker_pool& pool = resolver_pool(),
                                                                        work_owner client = {}) {
    // Shared by the waiting coroutine and the pool's thread, which may finish after the coroutine has ended.
    struct pending_lookup {
        explicit pending_lookup(loop& owner) : done(owner) {}
        event done;
        std::optional<std::invoke_result_t<Lookup&>> found;
    };
    const auto pending = std::make_shared<pending_lookup>(l);
    auto work = [lookup = std::move(lookup), waiter = std::weak_ptr(pending), poster = l.poster()]() mutable {
        if (waiter.expired()) return;
        // Without memory for the lookup, there is no result.
        std::optional<std::invoke_result_t<Lookup&>> answer;
        try {
            answer.emplace(lookup());
        } catch (...) {
            log_exception("name lookup", std::current_exception());
        }
        const use_memory_reserve reserve;
        poster->post([waiter, found = std::move(answer)]() mutable {
            const auto q = waiter.lock();
            if (!q) return;
            q->found = std::move(found);
            q->done.set();
        });
    };
    pool.submit(std::move(work), client);
    co_await pending->done.wait(limit.next(clock::now()));
    co_return std::move(pending->found);
}

}  // namespace sallyport::net
