#include <sallyport/net/loop.hpp>

#include <csignal>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::net {
namespace {

// The spawn() that this thread is in, and the last one; 0 if there is none.
thread_local std::uint64_t current_spawn = 0;
thread_local std::uint64_t last_spawn = 0;

task<> start_yield(asio::io_context& context) {
    const use_memory_reserve for_frame;
    return asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&context](auto resume) {
            const use_memory_reserve for_operation;
            asio::post(context, [resume = std::move(resume), note = work_note::take()]() mutable {
                note.set();
                resume();
            });
        },
        asio::use_awaitable_t<executor>());
}

/// Asio posts the end of a coroutine that has not waited since it was spawned, and ends the process if there is no memory
/// for that. So such a coroutine waits here.
task<> run_spawned(asio::io_context& context, std::uint64_t spawn, task<> work) {
    std::exception_ptr failure;
    try {
        co_await std::move(work);
    } catch (...) {
        failure = std::current_exception();
    }
    if (current_spawn == spawn) co_await start_yield(context);
    if (failure) std::rethrow_exception(failure);
}

void run_loop(loop& l) {
    prefer_throughput();
    l.work().enter();
    const auto guard = asio::make_work_guard(l.context());
    for (;;) {
        try {
            l.context().run();
            return l.work().leave();
        } catch (...) {
            // The failure of one handler must not end other sessions.
            log_exception("event loop", std::current_exception());
        }
    }
}

}  // namespace

void prefer_throughput() noexcept {
    const sched_param unranked{};
    // 0 is the calling thread.
    if (::sched_getscheduler(0) == SCHED_OTHER) (void)::sched_setscheduler(0, SCHED_BATCH, &unranked);
}

void loop_poster::post(std::move_only_function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (loop_ != nullptr) loop_->post(std::move(work));
}

// UNSAFE_IO omits the lock around each socket operation and keeps those of the queue: sockets are used on the loop's thread
// only, post() is not (Boost.Asio, "Concurrency Hints").
loop::loop(std::size_t index)
    : index_(index),
      context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      deadlines_(context_),
      poster_(std::make_shared<loop_poster>(*this)) {}

loop::~loop() {
    const std::lock_guard lock(poster_->mutex_);
    poster_->loop_ = nullptr;
}

void loop::post(std::move_only_function<void()> work) {
    const use_memory_reserve reserve;
    asio::post(context_, std::move(work));
}

void loop::spawn(std::string name, task<> work) {
    const auto spawn = ++last_spawn;
    const auto note = work_note::get();
    auto spawned = run_spawned(context_, spawn, std::move(work));
    auto ended = [this, name = std::move(name)](const std::exception_ptr& exception) {
        --running_;
        if (exception) log_exception(name, exception);
        work_note().set();
    };
    ++running_;
    const auto outer = std::exchange(current_spawn, spawn);
    try {
        // Runs the coroutine until its first wait, if this is the thread of the loop.
        asio::co_spawn(context_, std::move(spawned), std::move(ended));
    } catch (...) {
        current_spawn = outer;
        --running_;
        throw;
    }
    current_spawn = outer;
    note.set();
}

task<> loop::yield() { return start_yield(context_); }

void work_place::enter() noexcept {
    work_note::of_thread = &note_;
    thread_.store(::gettid(), std::memory_order_relaxed);
}

void work_place::leave() noexcept {
    work_note::of_thread = nullptr;
    thread_.store(0, std::memory_order_relaxed);
}

loop_group::loop_group(std::size_t count) {
    std::signal(SIGPIPE, SIG_IGN);
    loops_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<loop>(i));
}

loop_group::~loop_group() {
    // Asio needs memory to destroy coroutines that have not ended.
    const use_memory_reserve reserve;
    loops_.clear();
}

void loop_group::run() {
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < loops_.size(); ++i) {
            threads.emplace_back([&l = *loops_[i]] {
                pthread_setname_np(pthread_self(), fmt::format("loop-{}", l.index()).c_str());
                run_loop(l);
            });
        }
        run_loop(*loops_.front());
    }
    for (const auto& l : loops_) l->context().restart();
}

void loop_group::run_until_done(task<> work) {
    std::exception_ptr failure;
    asio::co_spawn(loops_.front()->context(), std::move(work), [this, &failure](const std::exception_ptr& exception) {
        failure = exception;
        stop();
    });
    run();
    if (failure) std::rethrow_exception(failure);
}

void loop_group::stop() {
    for (const auto& l : loops_) l->context().stop();
}

std::size_t default_loop_count() { return std::max(1U, std::thread::hardware_concurrency()); }

}  // namespace sallyport::net
