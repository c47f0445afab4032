#include <sallyport/ops/control_socket.hpp>

#include <deque>
#include <filesystem>
#include <future>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/ops/test_loop.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

net::task<std::string> echo(std::string request, std::optional<uid_t> user) {
    EXPECT_EQ(user, ::geteuid());
    co_return "you said " + request;
}

class ControlSocket : public loop_test {
protected:
    void TearDown() override {
        stop();
        fs::remove_all(directory);
    }
    result<void> open(bool takes_over = false) {
        auto made = control_socket::open(loops.at(0), "control socket", {.path = path}, echo, takes_over);
        if (!made) return std::unexpected(made.error());
        sockets.push_back(std::move(*made));
        return {};
    }
    [[nodiscard]] unique_fd connect() const {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path.copy(at.sun_path, path.size());
        unique_fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fd.reset();
        return fd;
    }
    [[nodiscard]] static std::string line(const unique_fd& from) {
        std::string out;
        for (char c = 0; ::read(from.get(), &c, 1) == 1 && c != '\n';) out += c;
        return out;
    }
    static void send_text(const unique_fd& to, std::string_view text) {
        EXPECT_EQ(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }

    fs::path directory = [] {
        std::string name = fs::temp_directory_path() / "control-XXXXXX";
        return fs::path(::mkdtemp(name.data()));
    }();
    std::string path = directory / "gate.sock";
    std::deque<control_socket> sockets;
};

TEST_F(ControlSocket, AnswersEachLineAndIsPrivateToItsUser_G12) {
    ASSERT_TRUE(open());
    run();
    struct stat s{};
    ASSERT_EQ(::stat(path.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0600U);
    const auto one = connect();
    const auto other = connect();
    send_text(one, "half a li");
    send_text(other, "hello\nagain\n");
    EXPECT_EQ(line(other), "you said hello");
    EXPECT_EQ(line(other), "you said again");
    send_text(one, "ne\n");
    EXPECT_EQ(line(one), "you said half a line");
}

TEST_F(ControlSocket, ClosesAConnectionWithAnOverlongLine) {
    ASSERT_TRUE(open());
    run();
    const auto flood = connect();
    const std::string much(limits::max_control_request + 4096, 'x');
    (void)::send(flood.get(), much.data(), much.size(), MSG_NOSIGNAL);
    EXPECT_EQ(line(flood), "");
}

TEST_F(ControlSocket, ReplacesAStaleSocketOnly) {
    {
        const unique_fd stale(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path.copy(at.sun_path, path.size());
        ASSERT_EQ(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    }
    ASSERT_TRUE(open()) << "no process listens there any more";
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find(path), std::string::npos);
    ASSERT_TRUE(open(true));
    // The old process exits and does not remove the socket of the new one.
    sockets.pop_front();
    run();
    const auto client = connect();
    ASSERT_TRUE(client);
    send_text(client, "you?\n");
    EXPECT_EQ(line(client), "you said you?");
    stop();
    sockets.clear();
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(ControlSocket, LeavesOtherFilesAlone) {
    std::fclose(std::fopen(path.c_str(), "w"));
    EXPECT_FALSE(open());
    EXPECT_TRUE(fs::is_regular_file(path));
}

}  // namespace
}  // namespace sallyport::ops
