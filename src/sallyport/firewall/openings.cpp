#include <sallyport/firewall/openings.hpp>

#include <algorithm>
#include <condition_variable>
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
// How long an event loop waits for an opening: several times what the change takes, and too short to delay other sessions.
constexpr auto moment = std::chrono::microseconds(300);
// Removals wait for this time, since an opening often follows that would have to wait for them; many then take one
// transaction.
constexpr auto removal_delay = std::chrono::milliseconds(1);
// How many removals an opening that an event loop waits for takes along, so that both are one request to the kernel.
constexpr std::size_t max_removals_with_opening = 8;

}  // namespace

struct opening_lease::committer {
    explicit committer(std::unique_ptr<table> t) : kernel(std::move(t)) {}

    struct pending_change {
        change wanted;
        // Empty for a removal.
        std::move_only_function<void(result<void>)> on_done;
    };

    /// The changes of one commit, and what is called for each.
    struct transaction {
        std::vector<change> changes{};
        std::vector<decltype(pending_change::on_done)> callbacks{};

        void add(pending_change w) {
            changes.push_back(std::move(w.wanted));
            callbacks.push_back(std::move(w.on_done));
        }
    };
    /// What make() has begun; without an outcome, the kernel still works on it.
    struct begun_transaction {
        transaction changes;
        std::optional<result<void>> outcome{};
    };

    void enqueue(pending_change w);
    /// Makes the change on the calling thread, if that is possible within a moment. Nothing: `on_done` will be called.
    [[nodiscard]] std::optional<result<void>> make(pending_change w);

    [[nodiscard]] bool take_turn(const change& wanted);
    void end_turn();
    /// The removals at the front of the queue. An opening may have been queued after them since the turn was taken.
    [[nodiscard]] transaction take_removals();
    /// The next batch; if there is none, the turn is over.
    [[nodiscard]] std::vector<pending_change> next_batch();
    // These run on `thread`.
    void run_soon();
    void run();
    void commit(std::vector<pending_change> batch);
    /// Calls back with the outcome of all changes, or, if the kernel has refused them together, with that of each one.
    void settle(transaction done, result<void> all);
    result<void> commit_one(const change& c);

    std::unique_ptr<table> kernel;
    // The next three members are used by the one whose turn it is.
    forwarding allowed;
    net::deadline next_read{};
    std::optional<begun_transaction> unfinished;
    // Guards the following members.
    std::mutex mutex;
    std::condition_variable opening_queued;
    std::deque<pending_change> queue;
    std::size_t queued_openings = 0;
    // It is the turn of the thread, or of a caller of make().
    bool busy = false;
    // The thread waits for its turn.
    bool scheduled = false;
    // Started with the first change. The last member: its destructor waits for run(), which uses the others.
    std::optional<net::worker_pool> thread;
};

void opening_lease::committer::enqueue(pending_change w) {
    const std::scoped_lock lock(mutex);
    if (w.wanted.kind == change_kind::open) {
        ++queued_openings;
        opening_queued.notify_one();
    }
    queue.push_back(std::move(w));
    if (busy || std::exchange(scheduled, true)) return;
    if (!thread) thread.emplace(1);
    thread->submit([this] { run_soon(); });
}

std::optional<result<void>> opening_lease::committer::make(pending_change w) {
    if (!take_turn(w.wanted)) {
        enqueue(std::move(w));
        return std::nullopt;
    }
    const use_memory_reserve reserve;
    if (auto possible = can_forward(w.wanted.subject, allowed); !possible) {
        end_turn();
        return possible;
    }
    auto all = take_removals();
    all.add(std::move(w));
    auto done = kernel->commit_within(all.changes, moment);
    if (done && (*done || all.changes.size() == 1)) {
        end_turn();
        return done;
    }
    unfinished = begun_transaction{std::move(all), std::move(done)};
    thread->submit([this] { run(); });
    return std::nullopt;
}

/// False if another change comes first, or the settings of the system have to be read.
bool opening_lease::committer::take_turn(const change& wanted) {
    const auto is_of_the_same = [&wanted](const pending_change& other) {
        return other.wanted.subject.client == wanted.subject.client && other.wanted.subject.listen == wanted.subject.listen;
    };
    const std::scoped_lock lock(mutex);
    if (busy || queued_openings != 0 || !kernel->can_begin() || net::clock::now() >= next_read ||
        std::ranges::any_of(queue, is_of_the_same))
        return false;
    return busy = true;
}

void opening_lease::committer::end_turn() {
    const std::scoped_lock lock(mutex);
    busy = false;
    if (queue.empty() || std::exchange(scheduled, true)) return;
    thread->submit([this] { run_soon(); });
}

auto opening_lease::committer::take_removals() -> transaction {
    const std::scoped_lock lock(mutex);
    transaction out;
    const auto is_next = [this] { return !queue.empty() && queue.front().wanted.kind == change_kind::close; };
    for (; is_next() && out.changes.size() < max_removals_with_opening; queue.pop_front()) out.add(std::move(queue.front()));
    return out;
}

void opening_lease::committer::run_soon() {
    {
        std::unique_lock lock(mutex);
        opening_queued.wait_for(lock, removal_delay, [this] { return queued_openings != 0; });
        scheduled = false;
        // Its end_turn() calls this again.
        if (std::exchange(busy, true)) return;
    }
    run();
}

// A change that got lost would leave an opening in the kernel.
void opening_lease::committer::run() {
    const use_memory_reserve reserve;
    if (auto begun = std::exchange(unfinished, std::nullopt))
        settle(std::move(begun->changes), begun->outcome ? std::move(*begun->outcome) : kernel->finish());
    for (auto batch = next_batch(); !batch.empty(); batch = next_batch()) commit(std::move(batch));
}

auto opening_lease::committer::next_batch() -> std::vector<pending_change> {
    const std::scoped_lock lock(mutex);
    busy = !queue.empty();
    const auto end = queue.begin() + static_cast<std::ptrdiff_t>(std::min(queue.size(), limits::opening_batch));
    std::vector<pending_change> batch(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
    queue.erase(queue.begin(), end);
    for (const auto& w : batch)
        if (w.wanted.kind == change_kind::open) --queued_openings;
    return batch;
}

void opening_lease::committer::commit(std::vector<pending_change> batch) {
    if (const auto now = net::clock::now(); now >= next_read) {
        allowed = forwarding::of_system();
        next_read = now + forwarding_cache_time;
    }
    transaction wanted;
    for (auto& w : batch) {
        auto possible = w.wanted.kind == change_kind::close ? result<void>() : can_forward(w.wanted.subject, allowed);
        if (!possible) {
            w.on_done(std::move(possible));
            continue;
        }
        wanted.add(std::move(w));
    }
    if (wanted.changes.empty()) return;
    auto all = kernel->commit(wanted.changes);
    settle(std::move(wanted), std::move(all));
}

void opening_lease::committer::settle(transaction done, result<void> all) {
    auto& [changes, callbacks] = done;
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
    auto at_once = committer->make({{change_kind::open, wanted, std::move(*control)}, std::move(on_done)});
    const bool finished = at_once || co_await request->done.wait(limit.next(net::clock::now()));
    if (at_once) request->outcome = std::move(*at_once);
    if (finished && !request->outcome) co_return std::unexpected(std::move(request->outcome).error());
    // Even if the kernel commits the change later, the destructor of the lease removes the opening.
    opening_lease made(committer, std::move(wanted));
    if (!finished)
        co_return fail(errc::timeout, "the kernel did not commit the change of its NAT rules within the time limit");
    co_return made;
}

}  // namespace sallyport::firewall
