#include <sallyport/net/loop.hpp>

#include <csignal>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::net {
namespace {

std::string message_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

void log_bug(std::string_view name, const std::exception_ptr& exception) {
    log::error({}, fmt::format("{}: a bug in Sallyport, please report it: {}", name, message_of(exception)));
}

void run_loop(loop& l) {
    prefer_throughput();
    const auto guard = asio::make_work_guard(l.context());
    for (;;) {
        try {
            l.context().run();
            return;
        } catch (...) {
            // The failure of one handler must not end other sessions.
            log_bug(fmt::format("loop {}", l.index()), std::current_exception());
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

void loop::post(std::move_only_function<void()> work) { asio::post(context_, std::move(work)); }

void loop::spawn(std::string name, task<> work) {
    ++running_;
    asio::co_spawn(context_, std::move(work), [this, name = std::move(name)](const std::exception_ptr& exception) {
        --running_;
        if (exception) log_bug(name, exception);
    });
}

task<> loop::yield() { co_await asio::post(context_, asio::use_awaitable_t<executor>()); }

loop_group::loop_group(std::size_t count) {
    std::signal(SIGPIPE, SIG_IGN);
    loops_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<loop>(i));
}

loop_group::~loop_group() = default;

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
