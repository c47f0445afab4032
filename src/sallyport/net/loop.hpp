#pragma once
// Event loops: each has one thread, one io_context and one deadline wheel; a session stays on its loop from accept to
// close.
//
// Objects that take a loop& must not outlive it and must be used on its thread only, unless they say otherwise.

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/asio.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/work_note.hpp>

namespace sallyport::net {

class loop;

/// Posts work to a loop that may have been destroyed meanwhile, for operations that cannot be cancelled, such as a DNS
/// lookup. Any thread.
class loop_poster {
public:
    explicit loop_poster(loop& l) : loop_(&l) {}
    /// Drops `work` if the loop has been destroyed.
    void post(std::move_only_function<void()> work);

private:
    friend class loop;
    std::mutex mutex_;
    loop* loop_;
};

class loop {
public:
    explicit loop(std::size_t index);
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] executor get_executor() noexcept { return context_.get_executor(); }
    [[nodiscard]] deadline_wheel& deadlines() noexcept { return deadlines_; }
    [[nodiscard]] const std::shared_ptr<loop_poster>& poster() const noexcept { return poster_; }

    /// Any thread: runs `work` on this loop.
    void post(std::move_only_function<void()> work);

    /// Starts an independent coroutine. An exception that escapes from it is logged as a bug with `name`, and the coroutine
    /// is counted in running(). It inherits the note of the caller (work_note.hpp). Loop thread, or before run().
    void spawn(std::string name, task<> work);
    [[nodiscard]] std::size_t running() const noexcept { return running_; }

    /// What its thread works on; any thread.
    [[nodiscard]] work_place& work() noexcept { return work_; }

    /// Runs everything else first that is ready on this loop.
    task<> yield();
    task<> sleep_until(deadline until) { return net::sleep_until(deadlines_, until); }
    task<> sleep_for(clock::duration pause) { return net::sleep_until(deadlines_, clock::now() + pause); }

private:
    std::size_t index_;
    asio::io_context context_;
    deadline_wheel deadlines_;
    std::shared_ptr<loop_poster> poster_;
    std::size_t running_ = 0;
    work_place work_;
};

/// Sets SCHED_BATCH for a thread that serves many sessions. By default a woken thread preempts the one that woke it: each
/// packet then costs two thread switches, a third of the cost of short commands. With SCHED_BATCH the thread waits for a
/// core, a few milliseconds at most if all are busy, and then has more work at once. Keeps a policy that was set before.
void prefer_throughput() noexcept;

/// Owns `count` loops with one thread each; the first loop runs on the thread that calls run(). Ignores SIGPIPE for the
/// process, as sendfile, splice and OpenSSL have no MSG_NOSIGNAL.
class loop_group {
public:
    explicit loop_group(std::size_t count);
    ~loop_group();

    [[nodiscard]] std::size_t size() const noexcept { return loops_.size(); }
    [[nodiscard]] loop& at(std::size_t index) { return *loops_.at(index); }

    /// Runs until stop(). Returns after every thread has ended.
    void run();
    /// Runs until `work`, on the first loop, has ended. Throws the exception that escapes from it.
    void run_until_done(task<> work);
    /// Any thread, also from a signal watcher.
    void stop();

private:
    std::vector<std::unique_ptr<loop>> loops_;
};

/// The number of cores that this process may use.
[[nodiscard]] std::size_t default_loop_count();

/// Actions on signals, called on the loop's thread. If one is empty, its signal is ignored.
struct signal_actions {
    // SIGTERM, SIGINT.
    std::move_only_function<void(int)> stop;
    // SIGHUP.
    std::move_only_function<void()> reload;
    // SIGUSR1.
    std::move_only_function<void()> rotate;
    // SIGUSR2.
    std::move_only_function<void()> restart;
};

/// Calls the actions until it is destroyed.
class signal_watch {
public:
    signal_watch(loop& l, signal_actions actions);
    ~signal_watch();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::net
