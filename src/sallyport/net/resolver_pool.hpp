#pragma once
// Questions to a name server: they can hang for longer than the program takes to stop, so their threads are never waited
// for.

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {

[[nodiscard]] worker_pool& resolver_pool();

/// What `ask` returns, on this loop; nothing where it does not come in time. `ask` may outlive the caller and the loop.
template <class Lookup>
task<std::optional<std::invoke_result_t<Lookup&>>> run_in_resolver_pool(loop& l, Lookup lookup, time_limit limit) {
    // Shared between the waiter and the pool's thread, which may come back when the waiter is gone.
    struct pending_lookup {
        explicit pending_lookup(loop& owner) : done(owner) {}
        event done;
        std::optional<std::invoke_result_t<Lookup&>> found;
    };
    const auto pending = std::make_shared<pending_lookup>(l);
    resolver_pool().submit([lookup = std::move(lookup), waiter = std::weak_ptr(pending), poster = l.poster()]() mutable {
        poster->post([waiter, found = lookup()]() mutable {
            const auto q = waiter.lock();
            if (!q) return;
            q->found = std::move(found);
            q->done.set();
        });
    });
    co_await pending->done.wait(limit.next(clock::now()));
    co_return std::move(pending->found);
}

}  // namespace sallyport::net
