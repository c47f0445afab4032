#include <algorithm>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <sallyport/net/net_test.hpp>

namespace sallyport::net {
namespace {

class listener_test : public net_test {};

task<bool> accepts_a_burst(loop& l, const char* at) {
    auto listening = listener::open(l, *endpoint::parse(at));
    if (!listening) co_return false;
    std::vector<stream> clients;
    for (int i = 0; i < 50; ++i) {
        auto client = co_await connect(l, listening->local(), {}, soon());
        if (!client) co_return false;
        clients.push_back(std::move(*client));
    }
    for (const auto& client : clients) {
        const auto accepted = co_await listening->accept();
        if (!accepted || accepted->peer != client.local() || accepted->local != client.peer()) co_return false;
        const int flags = ::fcntl(accepted->socket.get(), F_GETFL);
        if ((flags & O_NONBLOCK) == 0 || ::fcntl(accepted->socket.get(), F_GETFD) != FD_CLOEXEC) co_return false;
    }
    co_return true;
}

TEST_F(listener_test, accepts_in_connection_order) { EXPECT_TRUE(run(accepts_a_burst(test_loop(), "127.0.0.1:0"))); }
TEST_F(listener_test, accepts_over_ipv6) { EXPECT_TRUE(run(accepts_a_burst(test_loop(), "[::1]:0"))); }

task<endpoint> accepted_over_both_families(loop& l, ip_address to) {
    auto listening = listener::open(l, *endpoint::parse("[::]:0"));
    auto client = co_await connect(l, {to, listening->local().port}, {}, soon());
    const auto accepted = co_await listening->accept(soon());
    co_return client&& accepted ? endpoint{accepted->peer.address, 0} : endpoint{{}, 1};
}

TEST_F(listener_test, the_unspecified_ipv6_address_takes_both_families) {
    const auto four = *ip_address::parse("127.0.0.1");
    const auto six = *ip_address::parse("::1");
    EXPECT_EQ(run(accepted_over_both_families(test_loop(), four)).address, four);
    EXPECT_EQ(run(accepted_over_both_families(test_loop(), six)).address, six);
}

task<errc> accept_outcome(listener& listening, time_limit limit) {
    const auto accepted = co_await listening.accept(limit);
    co_return accepted ? errc::misuse : accepted.error().code;
}

TEST_F(listener_test, a_wait_ends_at_its_deadline_or_on_close) {
    auto listening = listener::open(test_loop(), *endpoint::parse("127.0.0.1:0"));
    EXPECT_EQ(run(accept_outcome(*listening, time_limit::within(10ms))), errc::timeout);
    test_loop().post([&] { listening->close(); });
    EXPECT_EQ(run(accept_outcome(*listening, soon())), errc::cancelled);
}

TEST_F(listener_test, an_error_names_the_port_in_use_and_the_next_step) {
    const auto first = listener::open(test_loop(), *endpoint::parse("127.0.0.1:0"));
    const auto second = listener::open(test_loop(), first->local());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::busy);
    EXPECT_NE(second.error().text().find(first->local().text()), std::string::npos);
    EXPECT_NE(second.error().text().find("choose another port"), std::string::npos);
}

TEST_F(listener_test, several_listeners_can_share_a_port_with_reuse_port) {
    const auto first = listener::open(test_loop(), *endpoint::parse("127.0.0.1:0"), {.reuse_port = true});
    EXPECT_TRUE(listener::open(test_loop(), first->local(), {.reuse_port = true}));
    EXPECT_FALSE(listener::open(test_loop(), first->local()));
}

// Opens all descriptors that the process may still have.
std::vector<unique_fd> exhaust_descriptors() {
    std::vector<unique_fd> held;
    for (;;) {
        unique_fd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (!one) return held;
        held.push_back(std::move(one));
    }
}

// Limits the process to `more` descriptors above those that it has; it may have inherited any number.
class descriptor_limit {
public:
    explicit descriptor_limit(rlim_t more) {
        rlim_t highest = 0;
        for (const auto& open : std::filesystem::directory_iterator("/proc/self/fd"))
            highest = std::max<rlim_t>(highest, std::stoul(open.path().filename().string()));
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit now{std::min(highest + 1 + more, before_.rlim_max), before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

task<bool> survives_exhaustion(loop& l) {
    auto listening = listener::open(l, *endpoint::parse("127.0.0.1:0"));
    if (!listening) co_return false;
    auto client = co_await connect(l, listening->local(), {}, soon());
    auto held = exhaust_descriptors();
    concurrent_task accepting(l, listening->accept(soon()));
    // accept() has failed and pauses.
    co_await l.sleep_for(20ms);
    held.clear();
    const auto accepted_later = co_await accepting.get();
    co_return client.has_value() && accepted_later.has_value();
}

TEST_F(listener_test, RX02_continues_when_descriptors_are_free_again) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    GTEST_SKIP() << "UBSan's check of an object's type opens a pipe, and reports the object if it cannot";
#endif
#endif
    const descriptor_limit few(32);
    EXPECT_TRUE(run(survives_exhaustion(test_loop())));
}

}  // namespace
}  // namespace sallyport::net
