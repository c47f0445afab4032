#include <sallyport/reach/stun_client.hpp>

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <sallyport/net/net_test.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

const endpoint external = *endpoint::parse("5.9.1.1:60230");

/// The answer of RFC 8489 to a question, with this endpoint.
std::string answer_to(std::string_view question, const endpoint& seen = external) {
    std::string out("\x01\x01\x00\x0c", 4);
    out += question.substr(4, 16);
    out += std::string("\x00\x20\x00\x08\x00\x01", 6);
    out += static_cast<char>((seen.port >> 8U) ^ 0x21U);
    out += static_cast<char>((seen.port & 0xFFU) ^ 0x12U);
    for (std::size_t i = 0; i < 4; ++i)
        out += static_cast<char>(seen.address.v4_bytes()[i] ^ static_cast<std::uint8_t>(question[4 + i]));
    return out;
}

/// What a server sends for the question that has this number, from 0.
using behaviour = std::function<std::vector<std::string>(int number, std::string_view question)>;

std::vector<std::string> answer_once(int, std::string_view question) { return {answer_to(question)}; }

/// A STUN server on one port of an address of this host, over UDP and TCP, on a thread of its own.
class test_server {
public:
    explicit test_server(behaviour over_udp, behaviour over_tcp = answer_once, const char* at = "127.0.0.1")
        : over_udp_(std::move(over_udp)), over_tcp_(std::move(over_tcp)) {
        const net::socket_address address({*ip_address::parse(at), 0});
        EXPECT_EQ(::bind(tcp_.get(), address.data(), address.length()), 0);
        EXPECT_EQ(::listen(tcp_.get(), 8), 0);
        place_ = net::local_endpoint(tcp_.get());
        const net::socket_address same(place_);
        EXPECT_EQ(::bind(udp_.get(), same.data(), same.length()), 0);
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }
    [[nodiscard]] stun_server server() const { return {.host = place_.address.text(), .port = place_.port}; }
    [[nodiscard]] int questions() const { return questions_; }

private:
    void serve(const std::stop_token& stop) {
        std::array<pollfd, 2> waits{pollfd{udp_.get(), POLLIN, 0}, pollfd{tcp_.get(), POLLIN, 0}};
        while (!stop.stop_requested()) {
            ::poll(waits.data(), waits.size(), 20);
            if (waits[0].revents != 0) answer_datagram();
            if (waits[1].revents != 0) answer_connection();
        }
    }
    void answer_datagram() {
        std::array<char, 1500> buffer;
        net::socket_address from;
        const auto n = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0, from.data(), from.size());
        if (n <= 0) return;
        for (const auto& each : over_udp_(questions_++, {buffer.data(), static_cast<std::size_t>(n)}))
            ::sendto(udp_.get(), each.data(), each.size(), 0, from.data(), from.length());
    }
    void answer_connection() {
        const unique_fd connection(::accept(tcp_.get(), nullptr, nullptr));
        std::array<char, 1500> buffer;
        const auto n = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
        if (n <= 0) return;
        for (const auto& each : over_tcp_(0, {buffer.data(), static_cast<std::size_t>(n)}))
            ::send(connection.get(), each.data(), each.size(), MSG_NOSIGNAL);
    }

    behaviour over_udp_;
    behaviour over_tcp_;
    unique_fd udp_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    unique_fd tcp_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    endpoint place_;
    std::atomic<int> questions_ = 0;
    std::jthread thread_;
};

class StunClient : public net::net_test {
protected:
    std::vector<stun_attempt> ask(std::vector<stun_server> servers, std::chrono::milliseconds limit = 5s) {
        return run(ask_stun_servers(test_loop(), std::move(servers), net::time_limit::within(limit)));
    }
};

TEST_F(StunClient, AsksOverBothTransports) {
    const test_server server(answer_once);
    const auto got = ask({server.server()});
    ASSERT_EQ(got.size(), 2U);
    for (const auto& each : got) {
        ASSERT_TRUE(each.seen) << each.seen.error().text();
        EXPECT_EQ(each.seen->external, external);
        EXPECT_EQ(each.seen->local.address, *ip_address::parse("127.0.0.1"));
        EXPECT_NE(each.seen->local.port, 0);
        EXPECT_EQ(each.seen->over_tcp, each.over_tcp);
    }
    EXPECT_FALSE(got[0].over_tcp);
    EXPECT_TRUE(got[1].over_tcp);
}

TEST_F(StunClient, AsksAllServersFromOnePort) {
    const test_server one(answer_once);
    const test_server two(answer_once, answer_once, "127.0.0.2");
    const auto got = answers_of(ask({one.server(), two.server()}));
    ASSERT_EQ(got.size(), 4U);
    EXPECT_EQ(got[0].local.port, got[2].local.port);
    EXPECT_EQ(agreed_address(got, std::nullopt), external.address);
}

TEST_F(StunClient, RepeatsAQuestionThatWasLost) {
    const test_server server([](int number, std::string_view question) {
        return number == 0 ? std::vector<std::string>{} : std::vector{answer_to(question)};
    });
    EXPECT_TRUE(ask({server.server()})[0].seen);
    EXPECT_EQ(server.questions(), 2);
}

TEST_F(StunClient, DropsWhatIsNoAnswerToItsQuestion) {
    const test_server server([](int, std::string_view question) {
        auto other_transaction = answer_to(question, *endpoint::parse("6.6.6.6:6666"));
        other_transaction[10] ^= 1;
        return std::vector<std::string>{
            "", "x", std::string(question), other_transaction, std::string(3000, 'x'), answer_to(question)};
    });
    const auto got = ask({server.server()});
    ASSERT_TRUE(got[0].seen) << got[0].seen.error().text();
    EXPECT_EQ(got[0].seen->external, external);
}

TEST_F(StunClient, ASilentServerIsATimeoutAndDelaysNoOther) {
    const auto silent = [](int, std::string_view) { return std::vector<std::string>{}; };
    const test_server without_udp(silent);
    const test_server normal(answer_once);
    const auto got = ask({without_udp.server(), normal.server()}, 700ms);
    ASSERT_FALSE(got[0].seen);
    EXPECT_EQ(got[0].seen.error().code, errc::timeout);
    EXPECT_TRUE(got[1].seen);
    EXPECT_TRUE(got[2].seen);
    EXPECT_EQ(without_udp.questions(), 2);
}

TEST_F(StunClient, ReportsWhyAServerCannotBeAsked) {
    // The answer ends within the address; a name that does not exist; a port without a server.
    const test_server truncated(
        answer_once, [](int, std::string_view question) { return std::vector{answer_to(question).substr(0, 28)}; });
    auto closed = test_server(answer_once).server();
    const auto got = ask({truncated.server(), {.host = "does-not-exist.invalid", .port = 3478}, closed}, 1500ms);
    ASSERT_FALSE(got[1].seen);
    EXPECT_EQ(got[1].seen.error().code, errc::truncated);
    ASSERT_FALSE(got[2].seen);
    ASSERT_FALSE(got[3].seen);
    ASSERT_FALSE(got[5].seen);
    EXPECT_EQ(got[5].seen.error().code, errc::refused);
}

TEST(StunServer, IsReadFromText) {
    EXPECT_EQ(stun_server::parse("stun.example.org"), (stun_server{.host = "stun.example.org", .port = 3478}));
    EXPECT_EQ(stun_server::parse("stun.example.org:19302")->text(), "stun.example.org:19302");
    EXPECT_EQ(stun_server::parse("5.9.1.2:3478")->host, "5.9.1.2");
    for (const auto* wrong : {"", ":3478", "a:0", "a:65536", "a b", "[2001:db8::1]:3478", "stun:a:3478"})
        EXPECT_FALSE(stun_server::parse(wrong)) << wrong;
}

}  // namespace
}  // namespace sallyport::reach
