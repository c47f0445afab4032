#include <sallyport/helper/client.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sallyport::helper {
namespace {

namespace fs = std::filesystem;

[[nodiscard]] unique_fd listening_socket() {
    unique_fd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::listen(out.get(), 1), 0);
    return out;
}

[[nodiscard]] std::string identity(int fd) {
    return fs::read_symlink(fmt::format("/proc/self/fd/{}", fd)).string();  // "socket:[4711]"
}

class Helper : public ::testing::Test {
protected:
    Helper() {
        fs::create_directories(directory);
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        ours.reset(ends[0]);
        theirs.reset(ends[1]);
    }
    ~Helper() override { fs::remove_all(directory); }

    void write_program(const std::string& text) const {
        std::ofstream(directory / "program") << "#!/bin/sh\n" << text;
        fs::permissions(directory / "program", fs::perms::owner_all);
    }
    /// Everything that the process sends until it exits.
    [[nodiscard]] std::string received() {
        theirs.reset();
        std::string out;
        std::array<char, 500> block{};
        for (;;) {
            const auto n = ::recv(ours.get(), block.data(), block.size(), 0);
            if (n <= 0) return out;
            out.append(block.data(), static_cast<std::size_t>(n));
        }
    }
    [[nodiscard]] int status() const {
        for (;;) {
            const auto found = helper->successor_status();
            EXPECT_TRUE(found) << found.error().text();
            if (!found || *found) return found ? **found : -1;
            ::usleep(1000);
        }
    }

    const fs::path directory = fs::temp_directory_path() / fmt::format("sallyport-helper-{}", ::getpid());
    std::unique_ptr<client> helper = std::move(*client::start({.program = (directory / "program").string()}));
    unique_fd ours;
    unique_fd theirs;
};

TEST_F(Helper, StartsAProgramWithSocketsAndVariablesAsSystemdPassesThem) {
    const auto one = listening_socket();
    const auto two = listening_socket();
    write_program(
        "exec >&5\n"
        "echo $LISTEN_FDS $LISTEN_FDNAMES $SALLYPORT_DOWN\n"
        "[ $LISTEN_PID = $$ ] && echo for me\n"
        "readlink /proc/self/fd/3 /proc/self/fd/4\n");
    const std::vector<std::string> down{"ftp://10.0.0.1:21", std::string(1000, 'x'), "ftp://10.0.0.2:21"};
    const auto started = helper->start_successor(std::array{one.get(), two.get()}, down, theirs.get());
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(received(),
              fmt::format("3 sallyport:sallyport:sallyport-handover ftp://10.0.0.1:21 ftp://10.0.0.2:21\nfor me\n{}\n{}\n",
                          identity(one.get()), identity(two.get())));
    EXPECT_TRUE(WIFEXITED(status()));
}

TEST_F(Helper, StartsAProgramWithTheArgumentsAndTheSignalMaskOfTheDaemon) {
    write_program("exec >&3\necho $#\ngrep SigBlk /proc/self/status\n");
    ASSERT_TRUE(helper->start_successor({}, {}, theirs.get()));
    std::ifstream command_line("/proc/self/cmdline", std::ios::binary);
    const std::string arguments_text(std::istreambuf_iterator<char>(command_line), {});
    const auto arguments = std::ranges::count(arguments_text, '\0') - 1;
    EXPECT_EQ(received().substr(0, 24), fmt::format("{}\nSigBlk:\t{:016x}", arguments, 0).substr(0, 24));
}

TEST_F(Helper, ReportsWhyAProgramCanNotBeExecuted) {
    ASSERT_TRUE(helper->start_successor({}, {}, theirs.get()));
    EXPECT_EQ(received(),
              fmt::format("{} cannot be executed: No such file or directory\n", (directory / "program").string()));
    EXPECT_EQ(WEXITSTATUS(status()), 127);
}

TEST_F(Helper, KillsAProgramThatIsNotReady) {
    write_program("exec sleep 60\n");
    ASSERT_TRUE(helper->start_successor({}, {}, theirs.get()));
    EXPECT_FALSE(*helper->successor_status()) << "it runs";
    helper->end_successor();
    EXPECT_EQ(WTERMSIG(status()), SIGKILL);
    EXPECT_FALSE(helper->successor_status()) << "there is none";
}

TEST_F(Helper, HasNoDescriptorButItsChannel) {
    write_program("exec >&3\nread line <&3\nls /proc/$PPID/fd | wc -w\ncat /proc/$PPID/comm\n");
    ASSERT_TRUE(helper->start_successor({}, {}, theirs.get()));
    // After this reply it has closed what it passed on.
    EXPECT_FALSE(*helper->successor_status());
    EXPECT_EQ(::send(ours.get(), "\n", 1, 0), 1);
    EXPECT_EQ(received(), ::geteuid() == 0 ? "4\nstarter\n" : "0\nstarter\n");
}

TEST_F(Helper, EndsWithTheDaemonAndNotByASignal) {
    write_program("echo $PPID >&3\nexec sleep 60\n");
    ASSERT_TRUE(helper->start_successor({}, {}, theirs.get()));
    std::array<char, 20> text{};
    ASSERT_GT(::recv(ours.get(), text.data(), text.size() - 1, 0), 0);
    const int pid = std::atoi(text.data());
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGHUP);
    EXPECT_FALSE(*helper->successor_status()) << "it answers";
    helper->end_successor();
    helper.reset();
    EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(Helper, ThatWasKilledIsNamed) {
    write_program("echo $PPID >&3\n");
    ASSERT_TRUE(helper->start_successor({}, {}, theirs.get()));
    ::kill(std::stoi(received()), SIGKILL);
    const auto status = helper->successor_status();
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().what.find("the helper process does not respond; restart the daemon"), std::string::npos);
    EXPECT_FALSE(helper->start_successor({}, {}, ours.get()));
}

}  // namespace
}  // namespace sallyport::helper
