#include <sallyport/ops/watchdog.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sallyport/base/log.hpp>
#include <sallyport/ops/service_manager.hpp>

namespace sallyport::ops {
namespace {

// Time for the signal to end the process. A thread in an uninterruptible system call never receives it.
constexpr auto abort_timeout = std::chrono::seconds(1);

/// The questions to one loop. Except for `answered`, only the thread of the watchdog uses it.
struct watched_loop {
    explicit watched_loop(net::loop& l) : loop(l) {}

    net::loop& loop;
    // Shared with the question, which may outlive the watchdog.
    std::shared_ptr<std::atomic<std::uint64_t>> answered = std::make_shared<std::atomic<std::uint64_t>>(0);
    std::uint64_t asked = 0;
    // Intervals without an answer to the last question.
    std::int64_t late = 0;

    [[nodiscard]] bool answers() const { return answered->load() == asked || !loop_runs(); }
    [[nodiscard]] bool loop_runs() const { return loop.work().thread() != 0; }
    void ask() {
        loop.post([to = answered, question = asked + 1] { to->store(question); });
        ++asked;
    }
};

/// Ends the process by a signal to the thread of the loop: debuggers then show the stack of that thread first.
[[noreturn]] void end_process(const watched_loop& at) {
    log::flush(log::clock::now() + limits::log_flush_timeout);
    // A process with secrets writes no core file, but here the administrator has chosen one.
    ::prctl(PR_SET_DUMPABLE, 1);
    ::syscall(SYS_tgkill, ::getpid(), at.loop.work().thread(), SIGABRT);
    std::this_thread::sleep_for(abort_timeout);
    std::abort();
}

}  // namespace

struct watchdog::impl {
    impl(net::loop_group& all, watchdog_settings s, status::counters& c, std::function<std::string(std::uint64_t)> ids)
        : settings(s), counters(c), id_of(std::move(ids)), manager_interval(service_manager_watchdog()) {
        for (std::size_t i = 0; i < all.size(); ++i) loops.emplace_back(all.at(i));
        // A quarter, so that one late answer does not matter.
        if (manager_interval) settings.interval = std::min(settings.interval, *manager_interval / 4);
        settings.interval = std::max(settings.interval, std::chrono::milliseconds(1));
    }

    void run() {
        pthread_setname_np(pthread_self(), "watchdog");
        std::unique_lock lock(mutex);
        while (!stopped.wait_for(lock, settings.interval, [this] { return stopping; })) {
            lock.unlock();
            bool all_answer = true;
            for (auto& each : loops) all_answer = check(each) && all_answer;
            if (all_answer && manager_interval && reports.load()) notify_service_manager_alive();
            lock.lock();
        }
    }

    /// Returns true if the loop has answered since the last call.
    bool check(watched_loop& each) {
        if (!each.answers()) {
            ++each.late;
            if (each.late == std::max<std::int64_t>(1, settings.limit / settings.interval)) on_stall(each);
            return false;
        }
        const auto late = std::exchange(each.late, 0);
        try {
            if (settings.mode != watchdog_mode::off && late * settings.interval >= settings.limit)
                log::warning({}, fmt::format("Event loop {} runs again, after {:.1f} s", each.loop.index(), seconds(late)));
            each.ask();
        } catch (const std::bad_alloc&) {
            // The loop is asked again after the next interval.
        }
        return true;
    }

    void on_stall(const watched_loop& each) {
        if (settings.mode == watchdog_mode::off) return;
        status::count(counters.loop_stalls);
        const bool aborting = settings.mode == watchdog_mode::abort;
        try {
            log::error({},
                       fmt::format("Event loop {} has not run for {:.1f} s{}; its sessions wait. {}", each.loop.index(),
                                   seconds(each.late), work_text(each.loop.work().note()),
                                   aborting ? "Ending the process with a core file (--watchdog abort)"
                                            : "A disk or network file system that does not respond is one cause; to get a "
                                              "core file and a restart by the service manager, use --watchdog abort"));
        } catch (const std::bad_alloc&) {
            log::error({}, "An event loop does not run, and there is no memory for details");
        }
        if (aborting) end_process(each);
    }

    [[nodiscard]] std::string work_text(net::work_note at) const {
        if (at.session() == 0) return ", in no session";
        const auto session = fmt::format(", in session {}", id_of(at.session()));
        return at.command().empty() ? session : fmt::format("{} at {}", session, at.command());
    }

    [[nodiscard]] double seconds(std::int64_t intervals) const {
        return std::chrono::duration<double>(intervals * settings.interval).count();
    }

    watchdog_settings settings;
    status::counters& counters;
    const std::function<std::string(std::uint64_t)> id_of;
    const std::optional<std::chrono::milliseconds> manager_interval;
    std::vector<watched_loop> loops;
    std::atomic<bool> reports = true;
    std::mutex mutex;
    std::condition_variable stopped;
    bool stopping = false;
    std::thread thread;
};

watchdog::watchdog(net::loop_group& loops, watchdog_settings settings, status::counters& counters,
                   std::function<std::string(std::uint64_t number)> id_of)
    : impl_(std::make_unique<impl>(loops, settings, counters, std::move(id_of))) {
    if (settings.mode == watchdog_mode::off && !impl_->manager_interval) return;
    try {
        impl_->thread = std::thread([i = impl_.get()] { i->run(); });
    } catch (const std::system_error& no) {
        log::warning({}, fmt::format("Event loops are not watched, as a thread cannot be started: {}; see the limit on "
                                     "processes (ulimit -u, TasksMax)",
                                     no.code().message()));
    }
}

watchdog::~watchdog() {
    if (!impl_->thread.joinable()) return;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->stopped.notify_one();
    impl_->thread.join();
}

void watchdog::stop_reporting() noexcept { impl_->reports.store(false); }

}  // namespace sallyport::ops
