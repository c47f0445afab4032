#include <sallyport/ops/metrics_server.hpp>

#include <array>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/ops/test_loop.hpp>

namespace sallyport::ops {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

net::task<std::string> two_lines() { co_return "a 1\nb 2\n"; }

class MetricsServer : public loop_test {
protected:
    void SetUp() override {
        auto opened =
            metrics_server::open(loops.at(0), place(), {.metrics = two_lines, .is_ready = [this] { return ready.load(); }});
        ASSERT_TRUE(opened) << opened.error().text();
        server.emplace(std::move(*opened));
        run();
    }
    void TearDown() override {
        stop();
        server.reset();
    }
    [[nodiscard]] virtual metrics_place place() const { return *endpoint::parse("127.0.0.1:0"); }
    [[nodiscard]] virtual unique_fd connect() const {
        const auto text = server->text("");
        const auto port = text.substr(text.rfind(':') + 1);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        return fd;
    }
    /// What arrives until the server closes the connection.
    [[nodiscard]] std::string ask(std::string_view request) const {
        const auto fd = connect();
        EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
        std::string out;
        std::array<char, 1000> block{};
        for (ssize_t n = 0; (n = ::recv(fd.get(), block.data(), block.size(), 0)) > 0;)
            out.append(block.data(), static_cast<std::size_t>(n));
        return out;
    }

    std::atomic<bool> ready{true};
    std::optional<metrics_server> server;
};

class LocalMetricsServer : public MetricsServer {
protected:
    void TearDown() override {
        MetricsServer::TearDown();
        EXPECT_FALSE(std::filesystem::exists(path)) << "it removes its socket";
        std::filesystem::remove_all(directory);
    }
    [[nodiscard]] metrics_place place() const override { return socket_place{.path = path, .mode = 0660}; }
    [[nodiscard]] unique_fd connect() const override {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path.copy(at.sun_path, path.size());
        unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        return fd;
    }

    const std::filesystem::path directory = [] {
        std::string name = std::filesystem::temp_directory_path() / "metrics-XXXXXX";
        return std::filesystem::path(::mkdtemp(name.data()));
    }();
    const std::string path = directory / "metrics.sock";
};

TEST_F(LocalMetricsServer, AnswersAtAUnixSocket_G12) {
    EXPECT_EQ(server->text("/metrics"), "/metrics of the Unix socket " + path);
    EXPECT_THAT(ask("GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n"), testing::EndsWith("\r\n\r\na 1\nb 2\n"));
    EXPECT_THAT(ask("GET /healthz HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    struct stat s{};
    ASSERT_EQ(::stat(path.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0660U);
}

TEST_F(MetricsServer, AnswersOnlyToItsThreePaths) {
    EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/plain; version=0.0.4"),
                               HasSubstr("Content-Length: 8\r\n"), testing::EndsWith("\r\n\r\na 1\nb 2\n")));
    EXPECT_THAT(ask("GET /metrics?x=y HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(ask("GET /healthz HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(ask("POST /metrics HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(ask("HEAD /metrics HTTP/1.0\r\n\r\n"),
                testing::AllOf(HasSubstr("Content-Length: 8\r\n"), testing::EndsWith("\r\n\r\n")));
}

TEST_F(MetricsServer, IsNotReadyWhileItTakesNoSessions) {
    EXPECT_THAT(ask("GET /readyz HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    ready = false;
    EXPECT_THAT(ask("GET /readyz HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 503"));
    EXPECT_THAT(ask("GET /healthz HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServer, AnswersSeveralRequestsOfOneConnection) {
    const auto text =
        ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(text, testing::AllOf(HasSubstr("keep-alive\r\n\r\nok\n"), testing::EndsWith("\r\n\r\nready\n")));
}

TEST_F(MetricsServer, RefusesWhatIsNoRequest) {
    EXPECT_THAT(ask("USER anna\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(ask("GET /" + std::string(limits::max_control_request, 'x') + " HTTP/1.0\r\n\r\n"),
                StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(ask("GET /metrics HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"), StartsWith("HTTP/1.1 400"));
}

TEST_F(MetricsServer, KeepsConnectionsOnlyWhileThereAreFew) {
    const std::string two = "GET /healthz HTTP/1.1\r\n\r\nGET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n";
    EXPECT_THAT(ask(two), HasSubstr("ready\n"));
    std::vector<unique_fd> open;
    for (std::size_t i = 0; i < limits::max_control_connections / 2; ++i) open.push_back(connect());
    EXPECT_THAT(ask(two), testing::AllOf(HasSubstr("Connection: close\r\n\r\nok\n"), testing::Not(HasSubstr("ready\n"))));
}

TEST_F(MetricsServer, LimitsItsConnections) {
    std::vector<unique_fd> open;
    for (std::size_t i = 0; i < limits::max_control_connections; ++i) open.push_back(connect());
    EXPECT_EQ(ask(""), "") << "the connection is closed";
    open.clear();
    // Until the server has noticed.
    std::string text;
    for (int tries = 0; tries < 1000 && text.empty(); ++tries) text = ask("GET /healthz HTTP/1.0\r\n\r\n");
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace sallyport::ops
