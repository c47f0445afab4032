#include <sallyport/ops/watchdog.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/log.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/ops/test_loop.hpp>
#include <support/eventually.hpp>

namespace sallyport::ops {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

constexpr watchdog_settings quick{.limit = 200ms, .interval = 20ms};

std::string id_of(std::uint64_t number) { return fmt::format("test-{}", number); }

class watchdog_test : public loop_test {
protected:
    status::counters counters_;
};

TEST_F(watchdog_test, counts_a_loop_that_does_not_run_once_each_time) {
    const watchdog watching(loops, quick, counters_, id_of);
    run();
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(counters_.loop_stalls, 0U);
    for (const std::uint64_t times : {1U, 2U}) {
        loops.at(0).post([] { std::this_thread::sleep_for(700ms); });
        EXPECT_TRUE(eventually([&] { return counters_.loop_stalls == times; }));
        std::this_thread::sleep_for(700ms);
        EXPECT_EQ(counters_.loop_stalls, times);
    }
    stop();
}

TEST_F(watchdog_test, does_not_count_if_it_is_off) {
    auto off = quick;
    off.mode = watchdog_mode::off;
    const watchdog watching(loops, off, counters_, id_of);
    run();
    loops.at(0).post([] { std::this_thread::sleep_for(500ms); });
    std::this_thread::sleep_for(600ms);
    EXPECT_EQ(counters_.loop_stalls, 0U);
    stop();
}

/// Runs a process of its own until the watchdog ends it; its standard error is `log`.
void run_until_aborted() {
    ::signal(SIGABRT, SIG_DFL);
    (void)log::open("-", log::level::error);
    net::loop_group loops(1);
    status::counters counters;
    auto settings = quick;
    settings.mode = watchdog_mode::abort;
    const watchdog watching(loops, settings, counters, id_of);
    loops.at(0).post([] {
        net::work_note(7, "RETR").set();
        std::this_thread::sleep_for(5s);
    });
    loops.run();
}

using watchdog_death_test = watchdog_test;

TEST_F(watchdog_death_test, names_loop_session_and_command_and_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(run_until_aborted(), ::testing::KilledBySignal(SIGABRT),
                "Event loop 0 has not run for 0.2 s, in session test-7 at RETR; its sessions wait. Ending the process");
}

/// The socket of a service manager with a watchdog of 400 ms.
class service_manager_socket {
public:
    service_manager_socket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        const auto name = fmt::format("@sallyport-watchdog-{}", ::getpid());
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        name.copy(at.sun_path, name.size());
        at.sun_path[0] = '\0';
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), length), 0);
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
        ::setenv("WATCHDOG_USEC", "400000", 1);
    }
    ~service_manager_socket() {
        ::unsetenv("NOTIFY_SOCKET");
        ::unsetenv("WATCHDOG_USEC");
    }
    service_manager_socket(const service_manager_socket&) = delete;
    service_manager_socket& operator=(const service_manager_socket&) = delete;

    /// The number of reports that have arrived since the last call.
    [[nodiscard]] int take() const {
        int count = 0;
        std::array<char, 64> text{};
        for (;;) {
            const auto got = ::recv(fd_.get(), text.data(), text.size(), 0);
            if (got <= 0) return count;
            EXPECT_EQ(std::string_view(text.data(), static_cast<std::size_t>(got)), "WATCHDOG=1");
            ++count;
        }
    }

private:
    unique_fd fd_;
};

TEST_F(watchdog_test, reports_to_the_service_manager_while_every_loop_answers) {
    const service_manager_socket manager;
    watchdog watching(loops, quick, counters_, id_of);
    run();
    EXPECT_TRUE(eventually([&] { return manager.take() > 0; }));
    std::promise<void> blocked;
    std::promise<void> released;
    loops.at(0).post([&] {
        blocked.set_value();
        released.get_future().wait();
    });
    blocked.get_future().wait();
    const auto stalls = counters_.loop_stalls.load();
    (void)manager.take();
    EXPECT_TRUE(eventually([&] { return counters_.loop_stalls.load() > stalls; }));
    // Ten intervals have passed. One report may have been on its way when the loop stopped, and the loop may have answered
    // one question before that.
    EXPECT_LE(manager.take(), 2);
    released.set_value();
    EXPECT_TRUE(eventually([&] { return manager.take() > 0; }));
    watching.stop_reporting();
    (void)manager.take();
    std::this_thread::sleep_for(200ms);
    EXPECT_LE(manager.take(), 1) << "one may have been on its way";
    stop();
}

TEST_F(watchdog_test, reports_to_the_service_manager_also_if_it_is_off) {
    const service_manager_socket manager;
    auto off = quick;
    off.mode = watchdog_mode::off;
    const watchdog watching(loops, off, counters_, id_of);
    run();
    EXPECT_TRUE(eventually([&] { return manager.take() > 0; }));
    stop();
}

}  // namespace
}  // namespace sallyport::ops
