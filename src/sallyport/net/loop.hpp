#pragma once
// Event loops: one thread, one io_context, one deadline wheel each; a session lives on its loop from accept to close.
//
// Objects that take a loop& must not outlive it and are used on its thread only, unless they say otherwise.

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/asio.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::net {

class loop;

/// The way to a loop that may be gone by then: for work that nobody can call back, such as a name look-up. Any thread.
class loop_poster {
public:
    explicit loop_poster(loop& l) : loop_(&l) {}
    /// Drops `work` where the loop is gone.
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

    /// Starts a coroutine that belongs to nobody else: what escapes from it is logged as a bug under `what`, and it is
    /// counted in running(). Loop thread, or before run().
    void spawn(std::string name, task<> work);
    [[nodiscard]] std::size_t running() const noexcept { return running_; }

    /// Lets everything else that is ready on this loop go first.
    task<> yield();
    task<> sleep_until(deadline until) { return net::sleep_until(deadlines_, until); }
    task<> sleep_for(clock::duration pause) { return net::sleep_until(deadlines_, clock::now() + pause); }

private:
    std::size_t index_;
    asio::io_context context_;
    deadline_wheel deadlines_;
    std::shared_ptr<loop_poster> poster_;
    std::size_t running_ = 0;
};

/// For a thread that serves many. Who is woken by default takes the core from who woke him: each packet then means two
/// changes of threads, a third of what short commands cost. In a batch a thread waits its turn, a few milliseconds at most
/// where every core is busy, and then finds more to do at once. A policy that the administrator chose stays.
void prefer_throughput() noexcept;

/// `count` loops with a thread each; the first one runs on the thread that calls run(). Ignores SIGPIPE for the process:
/// sendfile, splice and OpenSSL have no MSG_NOSIGNAL.
class loop_group {
public:
    explicit loop_group(std::size_t count);
    ~loop_group();

    [[nodiscard]] std::size_t size() const noexcept { return loops_.size(); }
    [[nodiscard]] loop& at(std::size_t index) { return *loops_.at(index); }

    /// Runs until stop(). Returns after every thread has ended.
    void run();
    /// Runs until `work`, on the first loop, has ended; an exception that escapes from it is passed on to the caller.
    void run_until_done(task<> work);
    /// Any thread, also from a signal watcher.
    void stop();

private:
    std::vector<std::unique_ptr<loop>> loops_;
};

/// One loop per core that this process may use.
[[nodiscard]] std::size_t default_loop_count();

/// What a daemon does on signals; each on the loop's thread. Empty: the signal is ignored.
struct signal_actions {
    std::move_only_function<void(int)> stop;  // SIGTERM, SIGINT
    std::move_only_function<void()> reload;   // SIGHUP
    std::move_only_function<void()> rotate;   // SIGUSR1
    std::move_only_function<void()> restart;  // SIGUSR2
};

/// Keep the object; destroying it stops the watching.
class signal_watch {
public:
    signal_watch(loop& l, signal_actions actions);
    ~signal_watch();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::net
