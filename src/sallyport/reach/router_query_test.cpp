#include <sallyport/reach/router_query.hpp>

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/random.hpp>

namespace sallyport::reach {
namespace {

using namespace std::string_literals;

/// A router's daemon at an address of the loopback device that no other test has.
class test_router {
public:
    using behaviour = std::function<std::vector<std::string>(const std::string& question)>;

    explicit test_router(behaviour answers) : answers_(std::move(answers)) {
        for (bool bound = false; !bound;) {
            address_ = ip_address::v4({127, octet(), octet(), octet()});
            const net::socket_address at({address_, router_port});
            bound = ::bind(socket_.get(), at.data(), at.length()) == 0;
        }
        if (answers_) thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }
    [[nodiscard]] const ip_address& address() const { return address_; }
    void close() { socket_.reset(); }

private:
    static std::uint8_t octet() { return static_cast<std::uint8_t>(1 + random_below(254)); }
    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd waiting{socket_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 20) != 1) continue;
            std::string question(1500, '\0');
            net::socket_address from;
            const auto n = ::recvfrom(socket_.get(), question.data(), question.size(), 0, from.data(), from.size());
            if (n < 0) continue;
            question.resize(static_cast<std::size_t>(n));
            for (const auto& each : answers_(question))
                ::sendto(socket_.get(), each.data(), each.size(), 0, from.data(), from.length());
        }
    }

    behaviour answers_;
    unique_fd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ip_address address_;
    std::jthread thread_;
};

const ip_address own = *ip_address::parse("127.0.0.1");
const std::string pcp_success = "\x02\x80\0\0\0\0\0\0\0\0\0\x07"s + std::string(12, '\0');
const std::string nat_pmp_only = "\0\x80\0\x01\0\0\0\x07"s;
const std::string nat_pmp_address = "\0\x80\0\0\0\0\0\x07\x05\x09\x01\x01"s;

class RouterQuery : public net::net_test {
protected:
    router_answer by_pcp(const test_router& router) { return run(ask_router_by_pcp(test_loop(), own, router.address())); }
    router_answer by_nat_pmp(const test_router& router) {
        return run(ask_router_by_nat_pmp(test_loop(), own, router.address()));
    }
};

TEST_F(RouterQuery, AsksWhatChangesNothing) {
    std::string question;
    const test_router router([&question](const std::string& got) {
        question = got;
        return std::vector{pcp_success};
    });
    const auto got = by_pcp(router);
    EXPECT_TRUE(got.is_spoken);
    EXPECT_EQ(got.problem, "");
    EXPECT_EQ(got.external, std::nullopt);
    ASSERT_EQ(question.size(), 24U);
    EXPECT_EQ(question[1], '\0') << "ANNOUNCE, not MAP";
}

TEST_F(RouterQuery, NatPmpHasTheExternalAddress) {
    const test_router router([](const std::string&) { return std::vector{"?"s, nat_pmp_address}; });
    const auto got = by_nat_pmp(router);
    EXPECT_TRUE(got.is_spoken);
    EXPECT_EQ(got.external, ip_address::parse("5.9.1.1"));
}

TEST_F(RouterQuery, ARouterWithNatPmpHasNoPcp) {
    const test_router router([](const std::string&) { return std::vector{nat_pmp_only}; });
    const auto got = by_pcp(router);
    EXPECT_FALSE(got.is_spoken);
    EXPECT_NE(got.problem.find("version 0"), std::string::npos) << got.problem;
}

TEST_F(RouterQuery, ARouterWithoutAddressReportsThat) {
    const test_router failing([](const std::string&) { return std::vector{"\0\x80\0\x03\0\0\0\x07"s}; });
    EXPECT_TRUE(by_nat_pmp(failing).lacks_address);
    const test_router zero([](const std::string&) { return std::vector{"\0\x80\0\0\0\0\0\x07\0\0\0\0"s}; });
    const auto got = by_nat_pmp(zero);
    EXPECT_TRUE(got.lacks_address);
    EXPECT_EQ(got.external, std::nullopt);
}

TEST_F(RouterQuery, AClosedPortIsReportedAtOnce) {
    test_router router({});
    router.close();
    const auto before = net::clock::now();
    const auto got = by_pcp(router);
    EXPECT_FALSE(got.is_spoken);
    EXPECT_EQ(got.problem, "port 5351 of the router is closed");
    EXPECT_LT(net::clock::now() - before, limits::first_router_wait * 4);
}

TEST_F(RouterQuery, ASilentRouterIsAskedThreeTimes) {
    std::atomic<int> questions = 0;
    const test_router router([&questions](const std::string&) {
        ++questions;
        return std::vector<std::string>{};
    });
    const auto got = by_nat_pmp(router);
    EXPECT_FALSE(got.is_spoken);
    EXPECT_EQ(got.problem, "no answer");
    EXPECT_EQ(questions, 3);
}

}  // namespace
}  // namespace sallyport::reach
