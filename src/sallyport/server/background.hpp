#pragma once
// Work on the pool that goes on while the coroutine does something else: the next block of a listing is formatted while
// the last one is sent, a block of an upload is written while the next one arrives.
//
// One piece of work at a time: start(), later finish(). What the work refers to must live until finish() has returned; a
// coroutine that ends early must still finish(). Loop thread only.

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>

#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/offload.hpp>

namespace sallyport::server {

template <class T>
class background {
public:
    background(net::worker_pool& pool, net::loop& home) : pool_(pool), home_(home) {}

    [[nodiscard]] bool running() const noexcept { return state_ != nullptr; }

    /// REQUIRES: !running().
    void start(std::move_only_function<T()> work) {
        state_ = std::make_shared<state>(home_);
        auto guard = net::asio::make_work_guard(home_.context());
        pool_.submit([s = state_, &home = home_, work = std::move(work), guard = std::move(guard)]() mutable {
            s->out.emplace(work());
            // The event belongs to the loop: its last owner must not be this thread.
            home.post([s = std::move(s)] { s->done.set(); });
        });
    }

    /// REQUIRES: running().
    net::task<T> finish() {
        const std::shared_ptr<state> s = std::move(state_);
        co_await s->done.wait(net::deadline::max());
        co_return std::move(*s->out);
    }

private:
    struct state {
        explicit state(net::loop& home) : done(home) {}
        net::event done;
        std::optional<T> out;
    };

    net::worker_pool& pool_;
    net::loop& home_;
    std::shared_ptr<state> state_;
};

}  // namespace sallyport::server
