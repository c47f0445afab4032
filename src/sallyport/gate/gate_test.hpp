#pragma once
// Shared by the gateway's tests: a gateway on two loops between scripted backends and blocking clients. Each test owns its
// own.

#include <sallyport/gate/gate.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>

#include <fmt/format.h>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/gate/pool.hpp>
#include <support/eventually.hpp>
#include <support/ftp_client.hpp>
#include <support/scripted_server.hpp>

namespace sallyport::gate {

using namespace std::chrono_literals;
using testing::behaviour;
using testing::blocking_socket;
using testing::eventually;
using testing::ftp_client;
using testing::ftp_stub;
using testing::scripted_server;

[[nodiscard]] inline backend at(std::uint16_t port, backend_tls tls = backend_tls::none,
                                backend_parameters parameters = {}) {
    return {"127.0.0.1", port, tls, parameters};
}

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

/// Openings that have no effect, and are counted.
class recording_table final : public firewall::table {
public:
    struct record {
        std::atomic<int> opened = 0;
        std::atomic<int> closed = 0;
        std::atomic<bool> refuses = false;
        std::atomic<firewall::opening_use> use = firewall::opening_use::none;
        std::atomic<int> asked = 0;
    };
    explicit recording_table(record& into) : record_(into) {}

    [[nodiscard]] result<void> commit(std::span<const firewall::change> changes) override {
        for (const auto& c : changes) {
            if (c.kind == firewall::change_kind::open && record_.refuses)
                return fail_os(firewall::no_expectation_left, "no opening");
            ++(c.kind == firewall::change_kind::open ? record_.opened : record_.closed);
        }
        return {};
    }
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining(const firewall::opening& /*o*/) override {
        return std::nullopt;
    }
    [[nodiscard]] firewall::opening_use use_of(const firewall::opening& /*o*/) override {
        ++record_.asked;
        return record_.use;
    }

private:
    record& record_;
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

    result<std::vector<std::string>> reload(settings by) {
        std::promise<result<std::vector<std::string>>> done;
        loops.at(0).post([&] { done.set_value(gateway->reload(std::move(by))); });
        return done.get_future().get();
    }

    [[nodiscard]] ftp_client client() { return {blocking_socket::connect(gateway->endpoints().at(0).port)}; }
    [[nodiscard]] ftp_client logged_in() {
        auto c = client();
        c.log_in();
        return c;
    }
    void use_tls() {
        const auto made = net::make_self_signed({"localhost", "127.0.0.1"}, 1);
        setup.tls = *net::tls_server_context::from_pem(made->certificate, made->key);
    }

    void use_recording_table() {
        setup.make_table = [this] {
            return result<std::unique_ptr<firewall::table>>(std::make_unique<recording_table>(openings));
        };
    }

    recording_table::record openings;
    settings setup;
    status::counters counters;
    net::loop_group loops{2};
    std::unique_ptr<gate> gateway;
    std::thread runner;
};

}  // namespace sallyport::gate
