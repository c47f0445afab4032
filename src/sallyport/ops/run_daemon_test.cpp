#include <sallyport/ops/run_daemon.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <support/eventually.hpp>

#include <sallyport/net/listener.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/ops/control_client.hpp>
#include <sallyport/ops/test_service.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::eventually;

class test_source final : public service_source {
public:
    [[nodiscard]] loaded_settings first_settings() const override { return {.given = {}, .tls = first_tls}; }
    [[nodiscard]] std::unique_ptr<frontend::service> make_service(net::loop_group& loops,
                                                                  status::counters& counters) override {
        auto made = std::make_unique<test_service>(loops, frontend::service_settings{.listen = {at}}, counters);
        service = made.get();
        return made;
    }
    void on_start(const std::vector<endpoint>& listening) override {
        endpoints = listening;
        down = service->down_backends();
        started = true;
    }
    [[nodiscard]] result<loaded_settings> load_settings() override {
        loaded_settings out{.given = {{"greeting", {{"New"}}}}, .tls = next_tls, .tls_source = "next"};
        ++loads;
        out.apply = apply_to(*service, frontend::service_settings());
        return out;
    }

    std::optional<net::tls_server_context> first_tls;
    std::optional<net::tls_server_context> next_tls;
    endpoint at = *endpoint::parse("127.0.0.1:0");
    std::vector<endpoint> endpoints;
    std::vector<std::string> down;
    std::atomic<bool> started = false;
    std::atomic<int> loads = 0;
    test_service* service = nullptr;
};

/// Runs the daemon on this thread, and `meanwhile` on another one, which then sends SIGTERM.
class RunDaemon : public ::testing::Test {
protected:
    ~RunDaemon() override { fs::remove_all(directory); }

    template <class Meanwhile>
    int run(Meanwhile meanwhile, handover_state handover = {}) {
        fs::create_directories(directory);
        plan.control.place.path = (directory / "test.sock").string();
        std::thread other([&] {
            while (!source.started) std::this_thread::sleep_for(1ms);
            while (!send_control_request(plan.control.place.path, {{"command", "status"}}, 5s))
                std::this_thread::sleep_for(1ms);
            meanwhile();
            ::kill(::getpid(), SIGTERM);
        });
        const int code = run_daemon(plan, source, std::move(handover), *rights);
        other.join();
        return code;
    }
    [[nodiscard]] boost::json::object request(const char* command) const {
        auto answer = send_control_request(plan.control.place.path, {{"command", command}}, 10s);
        if (!answer) return {{"error", answer.error().what}};
        return std::move(*answer);
    }

    /// Writes a certificate and its key to a file.
    [[nodiscard]] net::tls_files write_certificate(const std::string& name) const {
        fs::create_directories(directory);
        const auto made = net::make_self_signed({name}, 1);
        const auto path = directory / "cert.pem";
        std::ofstream(path) << made->certificate << made->key;
        return {.certificate = path.string(), .key = path.string()};
    }

    // Before any thread.
    const std::unique_ptr<helper::client> rights = std::move(*helper::client::start({}));
    const fs::path directory = fs::temp_directory_path() / fmt::format("sallyport-run-{}", ::getpid());
    daemon_plan plan{.name = "sallyport test",
                     .loops = 1,
                     .stop_timeout = 5s,
                     .drain_timeout = 5s,
                     .control = {.place = {}, .required = true, .reason_absent = {}}};
    test_source source;
};

TEST_F(RunDaemon, ServesItsControlSocketUntilItIsStopped) {
    const int code = run([this] {
        EXPECT_EQ(request("status").at("name"), "sallyport test");
        EXPECT_EQ(request("reload").at("lines"),
                  (boost::json::array{"greeting changed from the default to New", "reloaded"}));
        EXPECT_EQ(request("replace").at("error"), "this daemon has no command \"replace\"");
        EXPECT_EQ(request("status").at("draining"), false);
    });
    EXPECT_EQ(code, 0);
    EXPECT_FALSE(fs::exists(plan.control.place.path));
}

TEST_F(RunDaemon, WatchesTheCertificateOfAReload) {
    source.next_tls = *net::tls_server_context::from_files({write_certificate("one.example.org")});
    run([this] {
        EXPECT_TRUE(request("reload").contains("lines"));
        const auto before = source.next_tls->fingerprint();
        (void)write_certificate("two.longer.example.org");
        ::kill(::getpid(), SIGHUP);
        EXPECT_TRUE(eventually([&] { return source.next_tls->fingerprint() != before; }));
    });
}

TEST_F(RunDaemon, WatchesNoCertificateAfterAReloadHasRemovedIt) {
    source.first_tls = *net::tls_server_context::from_files({write_certificate("one.example.org")});
    const auto before = source.first_tls->fingerprint();
    run([this] {
        EXPECT_TRUE(request("reload").contains("lines"));
        (void)write_certificate("two.longer.example.org");
        ::kill(::getpid(), SIGHUP);
        EXPECT_TRUE(eventually([this] { return source.loads == 2; }));
        EXPECT_TRUE(request("status").contains("totals"));
    });
    EXPECT_EQ(source.first_tls->fingerprint(), before);
}

TEST_F(RunDaemon, UsesHandedOverSockets) {
    auto socket = std::move(*net::listener::bind(*endpoint::parse("127.0.0.1:0")));
    const auto at = net::local_endpoint(socket.get());
    auto other = std::move(*net::listener::bind(*endpoint::parse("127.0.0.2:0")));
    const auto unmatched = net::local_endpoint(other.get());
    source.at = at;
    handover_state handover;
    handover.sockets.push_back({std::move(socket), "ftp.socket"});
    handover.sockets.push_back({std::move(other), "other.socket"});
    handover.down = {"ftp://10.0.0.1:21"};
    run(
        [this, at, unmatched] {
            EXPECT_EQ(request("status").at("listening"), boost::json::array{at.text()});
            EXPECT_TRUE(net::listener::bind(unmatched)) << "a socket at an address that is not configured is closed";
            EXPECT_FALSE(net::listener::bind(at)) << "it is in use";
        },
        std::move(handover));
    EXPECT_EQ(source.down, std::vector<std::string>{"ftp://10.0.0.1:21"});
}

TEST_F(RunDaemon, NotifiesTheOldProcessThatItIsReady) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    unique_fd theirs(ends[0]);
    handover_state handover;
    handover.from = old_process(unique_fd(ends[1]));
    run(
        [&theirs] {
            std::array<char, 20> text{};
            EXPECT_EQ(::recv(theirs.get(), text.data(), text.size(), 0), 6);
            EXPECT_STREQ(text.data(), "ready\n");
            theirs.reset();
        },
        std::move(handover));
}

TEST_F(RunDaemon, NotifiesTheOldProcessWhyItCanNotStart) {
    const auto in_use = net::listener::bind(*endpoint::parse("127.0.0.1:0"));
    source.at = net::local_endpoint(in_use->get());
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const unique_fd theirs(ends[0]);
    handover_state handover;
    handover.from = old_process(unique_fd(ends[1]));
    EXPECT_EQ(run_daemon(plan, source, std::move(handover), *rights), 1);
    EXPECT_FALSE(source.started);
    std::array<char, 300> text{};
    EXPECT_GT(::recv(theirs.get(), text.data(), text.size() - 1, 0), 0);
    EXPECT_EQ(std::string(text.data()).find(fmt::format("cannot listen on {}", source.at.text())), 0U) << text.data();
}

}  // namespace
}  // namespace sallyport::ops
