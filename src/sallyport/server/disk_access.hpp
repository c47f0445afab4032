#pragma once
// The disk as one session or one of its transfers uses it: work on the pool, in an order that is fair by client, in slices
// and until it is cancelled.
//
// A value; the pool, the loop and the flag outlive it. Used on the loop's thread; work runs on threads of the pool. Work
// that was cancelled returns errc::cancelled: while it waits, it is not started, and in slices it ends with the current one.

#include <atomic>
#include <type_traits>
#include <utility>

#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::server {

class disk_access {
public:
    /// `cancelled` may be set by any thread.
    disk_access(net::worker_pool& pool, net::loop& loop, const work_owner& owner, const std::atomic<bool>& cancelled)
        : pool_(pool), loop_(loop), owner_(owner), cancelled_(cancelled) {}

    /// Runs `work` and returns its result.
    template <class Work>
    net::task<std::invoke_result_t<Work&>> run(Work work) const {
        auto unless_cancelled = [work = std::move(work), &cancelled = cancelled_]() mutable -> std::invoke_result_t<Work&> {
            if (cancelled) return fail(errc::cancelled);
            return work();
        };
        return net::offload(pool_, loop_, std::move(unless_cancelled), owner_);
    }
    /// The same for work that must be done even if it was cancelled, such as removing a file that was not completed.
    template <class Work>
    net::task<std::invoke_result_t<Work&>> run_always(Work work) const {
        return net::offload(pool_, loop_, std::move(work), owner_);
    }
    /// Calls `step(until)` until it returns true or an error. A step ends soon after `until`, and between two of them other
    /// work gets its turn. The first slice is brief work, so that a short listing does not wait for long ones.
    template <class Step>
    net::task<result<void>> run_in_slices(Step step) const {
        auto kind = net::work_kind::brief;
        for (bool finished = false; !finished; kind = net::work_kind::sliced) {
            auto slice = [&step, &pool = pool_, &cancelled = cancelled_] { return run_slice(step, pool, cancelled); };
            const result<bool> done = co_await net::offload(pool_, loop_, std::move(slice), owner_, kind);
            if (!done) co_return std::unexpected(done.error());
            finished = *done;
        }
        co_return result<void>();
    }

    [[nodiscard]] net::worker_pool& pool() const noexcept { return pool_; }
    [[nodiscard]] net::loop& loop() const noexcept { return loop_; }
    [[nodiscard]] const work_owner& owner() const noexcept { return owner_; }
    [[nodiscard]] const std::atomic<bool>& cancel_flag() const noexcept { return cancelled_; }

private:
    /// Several steps, if no other work waits.
    template <class Step>
    static result<bool> run_slice(Step& step, const net::worker_pool& pool, const std::atomic<bool>& cancelled) {
        const net::time_slice slice(pool);
        for (;;) {
            if (cancelled) return fail(errc::cancelled);
            result<bool> finished = step(net::clock::now() + limits::work_slice);
            if (!finished || *finished || slice.must_yield()) return finished;
        }
    }

    net::worker_pool& pool_;
    net::loop& loop_;
    work_owner owner_;
    const std::atomic<bool>& cancelled_;
};

}  // namespace sallyport::server
