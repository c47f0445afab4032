// Ports that clients of intercepted sessions may use, with a kernel that a test holds or lets refuse. The real one is used
// in helper/interceptor_test.cpp and tests/integration/test_interception.py.

#include <sallyport/gate/passed_ports.hpp>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <vector>

#include <sallyport/net/net_test.hpp>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

class PassedPorts : public net::net_test {
protected:
    PassedPorts() {
        settings.pass_ports = [this](std::size_t rule, int client, int backend) -> result<std::uint32_t> {
            std::unique_lock lock(mutex);
            changed.wait(lock, [this] { return !held; });
            if (refuses_next) {
                refuses_next = false;
                return fail_os(EPERM, "a test");
            }
            EXPECT_EQ(rule, 3U);
            EXPECT_GE(client, 0);
            EXPECT_GE(backend, 0);
            passing.push_back(++last_number);
            return last_number;
        };
        settings.end_passing = [this](std::uint32_t number) -> result<void> {
            const std::scoped_lock lock(mutex);
            ++end_requests;
            changed.notify_all();
            if (refused_ends > 0) {
                --refused_ends;
                return fail_os(EBUSY, "a test");
            }
            EXPECT_EQ(std::erase(passing, number), 1U);
            return {};
        };
        settings.passed_data_moved = [this](std::uint32_t number) -> result<bool> {
            const std::scoped_lock lock(mutex);
            EXPECT_EQ(number, last_number);
            ++data_requests;
            return data_moves;
        };
    }

    [[nodiscard]] net::task<result<passed_ports::lease>> pass(const passed_ports& by, net::time_limit limit = net::soon()) {
        auto got = co_await by.pass(test_loop(), 3, {.client = 0, .backend = 0}, limit);
        co_return got;
    }
    template <class Condition>
    [[nodiscard]] bool wait(Condition met) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, 10s, met);
    }
    void hold(bool yes) {
        const std::scoped_lock lock(mutex);
        held = yes;
        changed.notify_all();
    }

    [[nodiscard]] net::task<result<bool>> data_moved(const passed_ports::lease& of) {
        co_return co_await of.data_moved(test_loop(), net::soon());
    }

    interception_settings settings;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::uint32_t> passing;
    std::uint32_t last_number = 100;
    bool held = false;
    bool data_moves = false;
    bool refuses_next = false;
    int refused_ends = 0;
    int end_requests = 0;
    int data_requests = 0;
};

TEST_F(PassedPorts, ArePassedUntilTheLeaseIsDestroyed_G10) {
    const passed_ports ports(settings);
    auto first = run(pass(ports));
    ASSERT_TRUE(first) << first.error().text();
    EXPECT_TRUE(*first);
    auto moved = std::move(*first);
    EXPECT_FALSE(*first);
    EXPECT_EQ(passing, std::vector{101U});
    moved = {};
    EXPECT_TRUE(wait([this] { return passing.empty(); }));
    EXPECT_EQ(end_requests, 1);
}

TEST_F(PassedPorts, DoNotMakeTheLoopWaitForTheKernel) {
    const passed_ports ports(settings);
    hold(true);
    // The loop's timer expires while the change waits.
    const auto late = run(pass(ports, net::time_limit::within(20ms)));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, errc::timeout);
    hold(false);
    EXPECT_TRUE(wait([this] { return end_requests == 1; })) << "the late change is taken back";
    EXPECT_TRUE(passing.empty());
}

TEST_F(PassedPorts, LeaveOutWorkForWhichNoSessionWaitsAnyMore) {
    const passed_ports ports(settings);
    auto used = run(pass(ports));
    ASSERT_TRUE(used);
    hold(true);
    // The first one is with the kernel already.
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(run(pass(ports, net::time_limit::within(20ms))));
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(run(used->data_moved(test_loop(), net::time_limit::within(20ms))));
    hold(false);
    const auto last = run(pass(ports));
    ASSERT_TRUE(last);
    EXPECT_EQ(last_number, 103U) << "the one that was held, and the last one";
    EXPECT_EQ(passing, (std::vector{101U, 103U}));
    EXPECT_EQ(data_requests, 0);
}

TEST_F(PassedPorts, ReportARefusalAndEndNothing) {
    refuses_next = true;
    const passed_ports ports(settings);
    const auto refused = run(pass(ports));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().os, EPERM);
    const auto next = run(pass(ports));
    EXPECT_TRUE(next);
    EXPECT_EQ(end_requests, 0);
}

TEST_F(PassedPorts, AreEndedAgainAfterARefusal) {
    const passed_ports ports(settings);
    auto first = run(pass(ports));
    ASSERT_TRUE(first);
    refused_ends = 1;
    *first = {};
    EXPECT_TRUE(wait([this] { return end_requests == 1; }));
    EXPECT_EQ(passing, std::vector{101U});
    const auto second = run(pass(ports));
    EXPECT_TRUE(second);
    EXPECT_EQ(passing, std::vector{102U}) << "the first one was ended before";
}

TEST_F(PassedPorts, ReportWhetherDataMove_G5) {
    const passed_ports ports(settings);
    auto made = run(pass(ports));
    ASSERT_TRUE(made);
    EXPECT_EQ(run(data_moved(*made)), false);
    data_moves = true;
    EXPECT_EQ(run(data_moved(*made)), true);
    EXPECT_EQ(run(data_moved(passed_ports::lease())), false);
}

TEST_F(PassedPorts, NeedAHelper) {
    const passed_ports ports{interception_settings()};
    EXPECT_FALSE(run(pass(ports)));
}

}  // namespace
}  // namespace sallyport::gate
