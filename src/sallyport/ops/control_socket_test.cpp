#include <sallyport/ops/control_socket.hpp>

#include <deque>
#include <filesystem>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

net::task<std::string> echo(std::string request) { co_return "you said " + request; }

class ControlSocket : public testing::Test {
protected:
    void TearDown() override {
        stop();
        fs::remove_all(folder);
    }
    result<void> open(bool succeed = false) {
        auto made = control_socket::open(loops.at(0), path, echo, succeed);
        if (!made) return std::unexpected(made.error());
        doors.push_back(std::move(*made));
        return {};
    }
    void run() {
        runner = std::thread([this] { loops.run(); });
    }
    void stop() {
        if (!runner.joinable()) return;
        loops.stop();
        runner.join();
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
    static void say(const unique_fd& to, std::string_view text) {
        EXPECT_EQ(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }

    fs::path folder = [] {
        std::string name = fs::temp_directory_path() / "control-XXXXXX";
        return fs::path(::mkdtemp(name.data()));
    }();
    std::string path = folder / "gate.sock";
    net::loop_group loops{1};
    std::deque<control_socket> doors;
    std::thread runner;
};

TEST_F(ControlSocket, AnswersEachLineInTurnAndIsItsUsersAlone_G12) {
    ASSERT_TRUE(open());
    run();
    struct stat s{};
    ASSERT_EQ(::stat(path.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0600U);
    const auto one = connect();
    const auto other = connect();
    say(one, "half a li");
    say(other, "hello\nagain\n");
    EXPECT_EQ(line(other), "you said hello");
    EXPECT_EQ(line(other), "you said again");
    say(one, "ne\n");
    EXPECT_EQ(line(one), "you said half a line");
}

TEST_F(ControlSocket, ClosesToWhoNeverEndsItsLine) {
    ASSERT_TRUE(open());
    run();
    const auto flood = connect();
    const std::string much(limits::control_request + 4096, 'x');
    (void)::send(flood.get(), much.data(), much.size(), MSG_NOSIGNAL);
    EXPECT_EQ(line(flood), "");
}

TEST_F(ControlSocket, TakesTheDeadsPlaceAndNotTheLivings) {
    {
        const unique_fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path.copy(at.sun_path, path.size());
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    }
    ASSERT_TRUE(open()) << "nobody answers there any more";
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find(path), std::string::npos);
    ASSERT_TRUE(open(true));
    doors.pop_front();  // the predecessor goes, and leaves the successor's socket alone
    run();
    const auto asking = connect();
    ASSERT_TRUE(asking);
    say(asking, "you?\n");
    EXPECT_EQ(line(asking), "you said you?");
    stop();
    doors.clear();
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(ControlSocket, LeavesOtherFilesAlone) {
    std::fclose(std::fopen(path.c_str(), "w"));
    EXPECT_FALSE(open());
    EXPECT_TRUE(fs::is_regular_file(path));
}

}  // namespace
}  // namespace sallyport::ops
