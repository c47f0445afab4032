#pragma once
// Questions to a name server: they can hang for longer than the program takes to stop, so their threads are never waited
// for.

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/offload.hpp>

namespace sallyport::net {

[[nodiscard]] worker_pool& resolver_pool();

/// What `ask` returns, on this loop; nothing where it does not come in time. `ask` may outlive the caller and the loop.
template <class Ask>
task<std::optional<std::invoke_result_t<Ask&>>> in_background(loop& l, Ask ask, time_limit limit) {
    // Shared between the waiter and the pool's thread, which may come back when the waiter is gone.
    struct question {
        explicit question(loop& home) : answered(home) {}
        event answered;
        std::optional<std::invoke_result_t<Ask&>> answer;
    };
    const auto asked = std::make_shared<question>(l);
    resolver_pool().submit([ask = std::move(ask), waiter = std::weak_ptr(asked), mail = l.mail()]() mutable {
        mail->post([waiter, answer = ask()]() mutable {
            const auto q = waiter.lock();
            if (!q) return;
            q->answer = std::move(answer);
            q->answered.set();
        });
    });
    co_await asked->answered.wait(limit.next(clock::now()));
    co_return std::move(asked->answer);
}

}  // namespace sallyport::net
