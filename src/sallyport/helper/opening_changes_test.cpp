#include <sallyport/helper/opening_changes.hpp>

#include <cerrno>

#include <sallyport/base/limits.hpp>
#include <sallyport/helper/helper_test.hpp>

namespace sallyport::helper {
namespace {

using namespace std::chrono_literals;
using enum request_kind;

/// Commits everything, or nothing.
class memory_table final : public firewall::table {
public:
    result<void> commit(std::span<const firewall::change> changes) override {
        if (refuse_with != 0) return fail_os(refuse_with, "test");
        for (const auto& [kind, subject, control] : changes) {
            had_controls = static_cast<bool>(control.client) && static_cast<bool>(control.backend);
            if (kind == firewall::change_kind::open)
                in_force.push_back(subject);
            else
                std::erase(in_force, subject);
        }
        return {};
    }
    std::optional<std::chrono::milliseconds> remaining(const firewall::opening&) override { return std::nullopt; }
    firewall::opening_use use_of(const firewall::opening&) override { return firewall::opening_use::none; }

    std::vector<firewall::opening> in_force;
    int refuse_with = 0;
    bool had_controls = false;
};

/// A session of a client at 127.0.0.2 with a backend at 127.0.0.1: the daemon has accepted one connection, and opened the
/// other one.
class HelperChanges : public ::testing::Test {
protected:
    [[nodiscard]] int open(opening_changes& with, const firewall::opening& o, bool last = true) const {
        return open(with, o, list_of(client.control(), backend.other_end()), last);
    }
    [[nodiscard]] static int open(opening_changes& with, const firewall::opening& o, std::vector<unique_fd> controls,
                                  bool last = true) {
        const request r{.kind = add_opening, .number = last ? 1U : 0U, .subject = wire_opening::of(o)};
        return with.handle(r, controls).text.os;
    }
    [[nodiscard]] static int close(opening_changes& with, const firewall::opening& o, bool last = true) {
        const request r{.kind = add_closing, .number = last ? 1U : 0U, .subject = wire_opening::of(o)};
        return with.handle(r, {}).text.os;
    }
    [[nodiscard]] static firewall::opening good() {
        return {*ip_address::parse("127.0.0.2"), *endpoint::parse("127.0.0.1:50000"), *endpoint::parse("127.0.0.1:40000"),
                *ip_address::parse("127.0.0.3"), 30s};
    }

    const control_pair client{"127.0.0.2"};
    const control_pair backend{"127.0.0.3"};
    memory_table kernel;
    const permissions allowed{.program = {}, .data_ports = {{50000, 50009}}};
    opening_changes made{allowed, kernel};
};

TEST_F(HelperChanges, OpenBetweenThePeersOfASession) {
    EXPECT_EQ(open(made, good()), 0);
    EXPECT_EQ(kernel.in_force, std::vector{good()});
    EXPECT_TRUE(kernel.had_controls);
    EXPECT_EQ(close(made, good()), 0);
    EXPECT_TRUE(kernel.in_force.empty());
    // In active mode: from the backend to the client.
    const firewall::opening active{
        good().forward_to.address, {good().source, 50000}, {good().client, 40000}, good().listen.address, 30s};
    EXPECT_EQ(open(made, active), 0);
}

TEST_F(HelperChanges, RefuseOtherHostsPortsAndTimes) {
    const auto other = *ip_address::parse("127.0.0.9");
    auto o = good();
    o.client = other;
    EXPECT_EQ(open(made, o), EPERM);
    o = good();
    o.listen.address = other;
    EXPECT_EQ(open(made, o), EPERM);
    o = good();
    o.forward_to.address = other;
    EXPECT_EQ(open(made, o), EPERM);
    o = good();
    o.source = other;
    EXPECT_EQ(open(made, o), EPERM);
    o = good();
    o.listen.port = 50010;
    EXPECT_EQ(open(made, o), EPERM) << "no configured port";
    o = good();
    o.forward_to.port = 25;
    EXPECT_EQ(open(made, o), EPERM) << "a service's port";
    o = good();
    o.lifetime = firewall::max_opening_lifetime + 1ms;
    EXPECT_EQ(open(made, o), EPERM);
    o.lifetime = 0ms;
    EXPECT_EQ(open(made, o), EPERM);
    o.lifetime = -1ms;
    EXPECT_EQ(open(made, o), EINVAL);
    o = good();
    o.source = *ip_address::parse("::1");
    EXPECT_EQ(open(made, o), EINVAL);
    EXPECT_TRUE(kernel.in_force.empty());
}

TEST_F(HelperChanges, NeedTheTwoEstablishedConnectionsOfTheSession) {
    EXPECT_EQ(open(made, good(), list_of()), EINVAL);
    EXPECT_EQ(open(made, good(), list_of(client.control())), EINVAL);
    EXPECT_EQ(open(made, good(), list_of(client.control(), client.control())), EPERM);
    EXPECT_EQ(open(made, good(), list_of(client.other_end(), backend.other_end())), EPERM) << "the client's own end";
    EXPECT_EQ(open(made, good(), list_of(listening_socket(), backend.other_end())), EPERM);
    EXPECT_EQ(open(made, good(), list_of(socket_of(AF_UNIX, SOCK_STREAM), backend.other_end())), EPERM);
    EXPECT_EQ(open(made, good(), list_of(unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), backend.other_end())), EPERM);
    const control_pair closed{"127.0.0.2"};
    ::shutdown(closed.client.get(), SHUT_RDWR);
    EXPECT_EQ(open(made, good(), list_of(closed.control(), backend.other_end())), EPERM) << "it is not established";
    auto one = list_of(client.control());
    EXPECT_EQ(made.handle({.kind = add_closing, .number = 1, .subject = wire_opening::of(good())}, one).text.os, EINVAL);
    EXPECT_EQ(made.handle({.kind = find_table, .number = 1}, {}).text.os, EINVAL);
    EXPECT_TRUE(kernel.in_force.empty());
}

TEST_F(HelperChanges, WithoutARangeOpenAnyUnprivilegedPort) {
    const permissions any{.program = {}};
    opening_changes of_any{any, kernel};
    auto o = good();
    o.listen.port = 1024;
    EXPECT_EQ(open(of_any, o), 0);
    o.listen.port = 1023;
    EXPECT_EQ(open(of_any, o), EPERM);
}

// The tests of the interceptor have an intercepted session.
TEST_F(HelperChanges, CrossARouterInInterceptedSessionsOnly) {
    const permissions router{.program = {}, .interception = firewall::interception_settings()};
    opening_changes of_router{router, kernel};
    const auto server = *endpoint::parse("127.0.0.1:40000");
    const firewall::opening passive{good().client, server, server, good().client, 30s};
    EXPECT_EQ(open(of_router, passive), EPERM) << "the client's connection was not intercepted";
    EXPECT_EQ(open(made, passive), EPERM);
}

TEST_F(HelperChanges, AreMadeTogetherOrNotAtAll) {
    auto second = good();
    second.listen.port = 50001;
    EXPECT_EQ(open(made, good(), false), 0);
    EXPECT_TRUE(kernel.in_force.empty()) << "it is not the last one";
    EXPECT_EQ(open(made, second), 0);
    EXPECT_EQ(kernel.in_force, (std::vector{good(), second}));

    auto bad = good();
    bad.client = second.source;
    EXPECT_EQ(open(made, bad, false), 0);
    EXPECT_EQ(close(made, good()), EPERM) << "of the first change";
    EXPECT_EQ(kernel.in_force.size(), 2U);
    EXPECT_EQ(close(made, good()), 0) << "the refused transaction is gone";

    kernel.refuse_with = EEXIST;
    EXPECT_EQ(close(made, second), EEXIST);
}

TEST_F(HelperChanges, AreLimitedInNumber) {
    for (std::size_t i = 0; i < limits::opening_batch; ++i) EXPECT_EQ(open(made, good(), false), 0);
    EXPECT_EQ(open(made, good(), true), ENOSPC);
    EXPECT_TRUE(kernel.in_force.empty());
}

}  // namespace
}  // namespace sallyport::helper
