#include <sallyport/firewall/openings.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::firewall {
namespace {

// If an opening expires while it is removed, the kernel refuses the removal; the next attempt succeeds.
constexpr int close_attempts = 3;
// The system's forwarding settings are read again after this time, since reading them takes longer than a change.
constexpr auto forwarding_cache_time = std::chrono::seconds(1);

}  // namespace

struct opening_lease::committer {
    explicit committer(std::unique_ptr<table> t) : kernel(std::move(t)) {}

    struct pending_change {
        change wanted;
        // Empty for a removal.
        std::move_only_function<void(result<void>)> on_done;
    };

    void enqueue(pending_change w) {
        const std::scoped_lock lock(mutex);
        queue.push_back(std::move(w));
        if (std::exchange(busy, true)) return;
        if (!thread) thread.emplace(1);
        thread->submit([this] { run(); });
    }

    // These run on `thread`.
    void run();
    void commit(std::vector<pending_change> batch);
    result<void> commit_one(const change& c);

    std::unique_ptr<table> kernel;
    // This and the next member are used on `thread` only.
    forwarding allowed;
    net::deadline next_read{};
    std::mutex mutex;
    std::deque<pending_change> queue;
    bool busy = false;
    // Started with the first change. The last member: its destructor waits for run(), which uses the others.
    std::optional<net::worker_pool> thread;
};

// A change that got lost would leave an opening in the kernel.
void opening_lease::committer::run() {
    const use_memory_reserve reserve;
    for (;;) {
        std::vector<pending_change> batch;
        {
            const std::scoped_lock lock(mutex);
            busy = !queue.empty();
            if (!busy) return;
            const auto end = queue.begin() + static_cast<std::ptrdiff_t>(std::min(queue.size(), limits::opening_batch));
            batch.assign(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
            queue.erase(queue.begin(), end);
        }
        commit(std::move(batch));
    }
}

void opening_lease::committer::commit(std::vector<pending_change> batch) {
    if (const auto now = net::clock::now(); now >= next_read) {
        allowed = forwarding::of_system();
        next_read = now + forwarding_cache_time;
    }
    std::vector<change> changes;
    std::vector<decltype(pending_change::on_done)> callbacks;
    for (auto& w : batch) {
        auto possible = w.wanted.kind == change_kind::close ? result<void>() : can_forward(w.wanted.subject, allowed);
        if (!possible) {
            w.on_done(std::move(possible));
            continue;
        }
        changes.push_back(std::move(w.wanted));
        callbacks.push_back(std::move(w.on_done));
    }
    if (changes.empty()) return;
    const auto all = kernel->commit(changes);
    for (std::size_t i = 0; i < changes.size(); ++i) {
        auto one = all || changes.size() == 1 ? all : commit_one(changes[i]);
        if (!one && !callbacks[i]) one = commit_one(changes[i]);
        if (callbacks[i])
            callbacks[i](std::move(one));
        else if (!one)
            log::error({}, "Failed to remove an opening: " + one.error().text());
    }
}

/// Commits one change by itself, after the kernel has refused a transaction of several.
result<void> opening_lease::committer::commit_one(const change& c) {
    auto done = kernel->commit({&c, 1});
    for (int i = 1; !done && c.kind == change_kind::close && i < close_attempts; ++i) done = kernel->commit({&c, 1});
    return done;
}

// ---- opening_lease

opening_lease& opening_lease::operator=(opening_lease&& other) noexcept {
    if (this == &other) return *this;
    release();
    committer_ = std::move(other.committer_);
    opening_ = other.opening_;
    return *this;
}

void opening_lease::release() noexcept {
    const use_memory_reserve reserve;
    if (committer_) committer_->enqueue({{change_kind::close, opening_, {}}, {}});
    committer_.reset();
}

std::optional<std::chrono::milliseconds> opening_lease::remaining() const {
    if (!committer_) return std::nullopt;
    return committer_->kernel->remaining(opening_);
}

opening_use opening_lease::use() const { return committer_->kernel->use_of(opening_); }

// ---- openings

openings::openings(std::unique_ptr<table> kernel_table)
    : committer_(std::make_shared<opening_lease::committer>(std::move(kernel_table))) {}

net::task<result<opening_lease>> openings::open(net::loop& loop, opening wanted, control_connections session,
                                                net::time_limit limit) const {
    auto control = owned_control_connections::duplicate(session);
    if (!control) co_return std::unexpected(std::move(control).error());
    // Shared with `thread`, which may finish after the waiting coroutine.
    struct request_state {
        explicit request_state(net::loop& l) : done(l) {}
        net::event done;
        result<void> outcome;
    };
    const auto committer = committer_;
    const auto request = std::make_shared<request_state>(loop);
    auto on_done = [waiter = std::weak_ptr(request), poster = loop.poster()](result<void> a) {
        poster->post([waiter, a = std::move(a)]() mutable {
            const auto state = waiter.lock();
            if (!state) return;
            state->outcome = std::move(a);
            state->done.set();
        });
    };
    committer->enqueue({{change_kind::open, wanted, std::move(*control)}, std::move(on_done)});
    const bool finished = co_await request->done.wait(limit.next(net::clock::now()));
    if (finished && !request->outcome) co_return std::unexpected(std::move(request->outcome).error());
    // Even if the kernel commits the change later, the destructor of the lease removes the opening.
    opening_lease made(committer, std::move(wanted));
    if (!finished)
        co_return fail(errc::timeout, "the kernel did not commit the change of its NAT rules within the time limit");
    co_return made;
}

}  // namespace sallyport::firewall
