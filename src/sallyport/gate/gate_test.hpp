#pragma once
// What the gateway's tests share: a gateway on two loops between scripted backends and blocking clients.

#include <sallyport/gate/gate.hpp>

#include <gtest/gtest.h>

#include <future>
#include <set>

#include <fmt/format.h>

#include <sallyport/proto/host_port.hpp>
#include <support/scripted_server.hpp>

namespace sallyport::gate {

using namespace std::chrono_literals;
using testing::behaviour;
using testing::blocking_socket;
using testing::ftp_stub;
using testing::scripted_server;

[[nodiscard]] inline backend at(std::uint16_t port, backend_tls tls = backend_tls::none) { return {"127.0.0.1", port, tls}; }

[[nodiscard]] inline blocking_socket connect_v6(std::uint16_t port) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = in6addr_loopback;
    to.sin6_port = htons(port);
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    blocking_socket out(fd);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
    return out;
}

/// A client that says one line and hears one reply.
struct talker {
    blocking_socket control;
    std::uint16_t data_port = 0;

    explicit talker(blocking_socket s) : control(std::move(s)) {}

    std::string ask(std::string_view line) {
        control.send(std::string(line) + "\r\n");
        return control.read_line();
    }
    [[nodiscard]] std::string code(std::string_view line) { return ask(line).substr(0, 3); }

    void log_in() {
        EXPECT_EQ(control.read_line().substr(0, 3), "220");
        EXPECT_EQ(code("USER u"), "331");
        EXPECT_EQ(code("PASS p"), "230");
    }
    void epsv() {
        const auto reply = ask("EPSV");
        const auto port = proto::parse_229(reply);
        ASSERT_TRUE(port && reply.starts_with("229 ")) << reply;
        data_port = *port;
    }
    std::string retrieve(const std::string& name) {
        epsv();
        auto data = blocking_socket::connect(data_port);
        EXPECT_EQ(code("RETR " + name), "150");
        auto content = data.read_to_end();
        data.close();
        EXPECT_EQ(control.read_line(), "226 done");
        return content;
    }
};

class gate_test : public ::testing::Test {
protected:
    void TearDown() override { stop(); }

    void start(std::vector<backend> backends) {
        setup.backends = std::move(backends);
        setup.listen = {*endpoint::parse("127.0.0.1:0")};
        start();
    }
    void start() {
        gateway = std::make_unique<gate>(loops, setup, counters);
        const auto started = gateway->start();
        ASSERT_TRUE(started) << started.error().text();
        runner = std::thread([this] { loops.run(); });
    }
    void stop(std::chrono::milliseconds grace = 1s) {
        if (!runner.joinable()) return;
        stop_later(grace);
        runner.join();
        EXPECT_EQ(counters.sessions_open.load(), 0U);
        EXPECT_EQ(counters.transfers_running.load(), 0U);
    }
    void stop_later(std::chrono::milliseconds grace) {
        loops.at(0).post([this, grace] { gateway->stop(grace, [this](bool) { loops.stop(); }); });
    }

    [[nodiscard]] talker client() { return talker(blocking_socket::connect(gateway->endpoints().at(0).port)); }
    [[nodiscard]] talker logged_in() {
        auto c = client();
        c.log_in();
        return c;
    }
    void use_tls() {
        const auto made = net::make_self_signed({"localhost", "127.0.0.1"}, 1);
        setup.tls = *net::tls_server_context::from_pem(made->certificate, made->key);
    }
    void eventually(const std::function<bool()>& condition) {
        const auto due = net::clock::now() + 5s;
        while (!condition() && net::clock::now() < due) std::this_thread::sleep_for(1ms);
        EXPECT_TRUE(condition());
    }

    settings setup;
    status::counters counters;
    net::loop_group loops{2};
    std::unique_ptr<gate> gateway;
    std::thread runner;
};

}  // namespace sallyport::gate
