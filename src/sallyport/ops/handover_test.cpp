#include <sallyport/ops/handover.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/net/listener.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

[[nodiscard]] unique_fd listening_socket() { return std::move(*net::listener::bind(*endpoint::parse("127.0.0.1:0"))); }

[[nodiscard]] std::array<unique_fd, 2> socket_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

/// Runs `check` in a new process that has these descriptors from 3 on and these variables. Returns its result.
[[nodiscard]] bool in_new_process(const std::vector<int>& descriptors, const std::function<void()>& set_variables,
                                  const std::function<bool()>& check) {
    const int child = ::fork();
    if (child == 0) {
        std::vector<int> copies;
        for (const int fd : descriptors) copies.push_back(::fcntl(fd, F_DUPFD, 50));
        for (int fd = 3; fd < 50; ++fd) ::close(fd);
        int next = 3;
        for (const int fd : copies) ::dup2(fd, next++);
        set_variables();
        ::_exit(check() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void set_variables(const std::string& count, const char* names) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", count.c_str(), 1);
    if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
}

[[nodiscard]] bool no_variable_is_left() {
    return std::getenv("LISTEN_PID") == nullptr && std::getenv("LISTEN_FDS") == nullptr &&
           std::getenv("LISTEN_FDNAMES") == nullptr && std::getenv("SALLYPORT_DOWN") == nullptr;
}

[[nodiscard]] bool is_empty(const handover_state& s) { return s.sockets.empty() && s.down.empty() && !s.from; }

TEST(Handover, IsEmptyWithoutVariables) {
    EXPECT_TRUE(in_new_process({}, [] {}, [] { return is_empty(receive_handover()); }));
}

TEST(Handover, ReceivesTheSocketsOfAServiceManager) {
    const auto one = listening_socket();
    const auto two = listening_socket();
    // Read here, since these numbers are other descriptors in the new process.
    const endpoint second = net::local_endpoint(two.get());
    const auto check = [&] {
        const auto state = receive_handover();
        return state.sockets.size() == 2 && state.sockets[0].name == "ftp.socket" && state.sockets[1].name == "ftps" &&
               net::local_endpoint(state.sockets[1].fd.get()) == second && !state.from &&
               (::fcntl(state.sockets[0].fd.get(), F_GETFD) & FD_CLOEXEC) != 0 && no_variable_is_left();
    };
    EXPECT_TRUE(in_new_process({one.get(), two.get()}, [] { set_variables("2", "ftp.socket:ftps"); }, check));
}

TEST(Handover, NeedsNoNames) {
    const auto one = listening_socket();
    const auto check = [] {
        const auto state = receive_handover();
        return state.sockets.size() == 1 && state.sockets[0].name.empty();
    };
    EXPECT_TRUE(in_new_process({one.get()}, [] { set_variables("1", nullptr); }, check));
}

// The variables of systemd remain in the environment of processes started by the one that they are meant for.
TEST(Handover, IgnoresVariablesForAnotherProcess) {
    const auto one = listening_socket();
    const auto set = [] {
        set_variables("1", nullptr);
        ::setenv("LISTEN_PID", "1", 1);
    };
    const auto check = [] { return is_empty(receive_handover()) && no_variable_is_left() && ::fcntl(3, F_GETFD) >= 0; };
    EXPECT_TRUE(in_new_process({one.get()}, set, check));
}

TEST(Handover, SurvivesWrongVariables) {
    for (const char* count : {"", "x", "-1", "99999"})
        EXPECT_TRUE(in_new_process(
            {}, [count] { set_variables(count, nullptr); }, [] { return is_empty(receive_handover()); }))
            << count;
    const auto nothing_open = [] { return is_empty(receive_handover()); };
    EXPECT_TRUE(in_new_process({}, [] { set_variables("3", nullptr); }, nothing_open));
}

TEST(Handover, OfAnOldProcessHasItsConnectionAndTheBackendsThatAreDown) {
    const auto one = listening_socket();
    const auto ends = socket_pair();
    const auto set = [] {
        set_variables("2", "sallyport:sallyport-handover");
        ::setenv("SALLYPORT_DOWN", "ftp://10.0.0.1:21 ftp://10.0.0.2:21", 1);
    };
    const auto check = [] {
        const auto state = receive_handover();
        state.from.notify_ready();
        return state.sockets.size() == 1 && state.from && state.down.size() == 2 && state.down[1] == "ftp://10.0.0.2:21";
    };
    ASSERT_TRUE(in_new_process({one.get(), ends[1].get()}, set, check));
    std::array<char, 20> text{};
    EXPECT_EQ(::recv(ends[0].get(), text.data(), text.size(), 0), 6);
    EXPECT_STREQ(text.data(), "ready\n");
}

TEST(Handover, OfAServiceManagerHasNoBackendsThatAreDown) {
    const auto one = listening_socket();
    const auto set = [] {
        set_variables("1", "ftp.socket");
        ::setenv("SALLYPORT_DOWN", "ftp://10.0.0.1:21", 1);
    };
    EXPECT_TRUE(in_new_process({one.get()}, set, [] { return receive_handover().down.empty(); }));
}

TEST(Handover, UsesOnlyListeningTcpSockets) {
    std::vector<handed_socket> all;
    all.push_back({listening_socket(), "good"});
    all.push_back({std::move(socket_pair()[0]), "unix"});
    all.push_back({unique_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), "datagrams"});
    all.push_back({unique_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "not listening"});
    all.push_back({unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), "no socket"});
    const int good = all[0].fd.get();
    const auto usable = listening_sockets(std::move(all));
    ASSERT_EQ(usable.size(), 1U);
    EXPECT_EQ(usable[0].get(), good);
}

TEST(Handover, ReturnsConnections) {
    auto ends = socket_pair();
    const old_process old(std::move(ends[1]));
    EXPECT_EQ(receive_returned(ends[0].get()).error().code, errc::busy);
    const auto listener = listening_socket();
    ASSERT_TRUE(old.return_connection(listener.get()));
    const auto returned = receive_returned(ends[0].get());
    ASSERT_TRUE(returned);
    EXPECT_EQ(net::local_endpoint(returned->get()), net::local_endpoint(listener.get()));
    ends[0].reset();
    EXPECT_FALSE(old.return_connection(listener.get()));
    EXPECT_FALSE(old_process().return_connection(listener.get()));
}

TEST(Handover, EndsWithTheOldProcess) {
    auto ends = socket_pair();
    ends[0].reset();
    EXPECT_EQ(receive_returned(ends[1].get()).error().code, errc::closed);
}

}  // namespace
}  // namespace sallyport::ops
