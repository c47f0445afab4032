#pragma once
// The fixture of the server's tests: a server on two loops with files in memory, and blocking clients.

#include <sallyport/server/server.hpp>

#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <support/eventually.hpp>
#include <support/free_ports.hpp>
#include <support/ftp_client.hpp>
#include <support/memory_filesystem.hpp>

namespace sallyport::server {

using namespace std::chrono_literals;
using testing::blocking_listener;
using testing::blocking_socket;
using testing::eventually;
using testing::ftp_client;

/// User bob (password "secret") may write, anonymous users may not. A test changes `setup` as needed and then calls start().
class server_test : public ::testing::Test {
protected:
    server_test() {
        setup.listen = {*endpoint::parse("127.0.0.1:0")};
        setup.files = vfs::make_memory_filesystem();
        setup.users = {make_user("bob", "secret", right_set::all())};
        setup.anonymous = make_anonymous();
        setup.data_timeout = 1s;
        setup.stall_timeout = 5s;
        setup.active_from_low_port = false;
    }
    void TearDown() override { stop(0ms); }

    /// A certificate, and a second port for implicit TLS.
    void use_tls() {
        static const net::self_signed made = net::make_self_signed({"localhost", "127.0.0.1"}, 1).value();
        setup.tls = net::tls_server_context::from_pem(made.certificate, made.key).value();
        setup.listen_implicit = {*endpoint::parse("127.0.0.1:0")};
    }
    void start() {
        daemon = std::make_unique<server>(loops, setup, counters);
        const auto started = daemon->start();
        ASSERT_TRUE(started) << started.error().text();
        runner = std::thread([this] { loops.run(); });
    }
    void stop(std::chrono::milliseconds grace) {
        if (!runner.joinable()) return;
        stop_later(grace);
        wait_until_stopped();
    }
    void stop_later(std::chrono::milliseconds grace) {
        loops.at(0).post([this, grace] { daemon->stop(grace, [this](bool) { loops.stop(); }); });
    }
    void wait_until_stopped() {
        runner.join();
        EXPECT_EQ(counters.sessions_open.load(), 0U);
    }

    [[nodiscard]] std::uint16_t port(std::size_t index = 0) const { return daemon->endpoints().at(index).port; }
    [[nodiscard]] ftp_client client() const { return {blocking_socket::connect(port())}; }
    [[nodiscard]] ftp_client logged_in() const {
        auto c = client();
        c.log_in();
        return c;
    }

    settings setup;
    status::counters counters;
    net::loop_group loops{2};
    std::unique_ptr<server> daemon;
    std::thread runner;
};

}  // namespace sallyport::server
