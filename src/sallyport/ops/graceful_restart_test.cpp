#include <sallyport/ops/graceful_restart.hpp>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <csignal>

#include <sallyport/net/listener.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

net::task<> restart_into(graceful_restart* r, result<std::string>* into) { *into = co_await r->restart(); }

net::task<> restart_twice(graceful_restart* r, net::loop* loop, result<std::string>* first, result<std::string>* second) {
    loop->spawn("the first", restart_into(r, first));
    co_await loop->yield();
    *second = co_await r->restart();
    while (!*first && first->error().code == errc::unexpected) co_await loop->sleep_for(1ms);
}

template <class Condition>
net::task<> run_until(net::loop* loop, Condition holds) {
    const auto until = net::clock::now() + 10s;
    while (!holds() && net::clock::now() < until) co_await loop->sleep_for(1ms);
    EXPECT_TRUE(holds());
}

class GracefulRestart : public testing::Test {
protected:
    GracefulRestart() {
        host.add([this](auto, auto done) {
            stopped = true;
            done(true);
        });
    }
    ~GracefulRestart() override {
        if (pid > 0) ::kill(pid, SIGKILL);
        fs::remove_all(directory);
    }
    /// The new process is a script. Its descriptor 3 is the listening socket, and 4 is the connection to this process.
    void start(const std::string& script, std::chrono::seconds drain_timeout = 3600s) {
        fs::create_directories(directory);
        const auto path = directory / "program";
        std::ofstream(path) << "#!/bin/sh\n" << script;
        fs::permissions(path, fs::perms::owner_all);
        made.emplace(
            host, *starter,
            graceful_restart::callbacks{.state =
                                            [this](bool listening) {
                                                closed_sockets += listening ? 0 : 1;
                                                handover_state out;
                                                out.sockets.push_back(
                                                    {std::move(*net::listener::bind(*endpoint::parse("127.0.0.1:0"))), {}});
                                                out.down = {"ftp://10.0.0.1:21"};
                                                return out;
                                            },
                                        .start_draining = [this](auto ended) { sessions_ended = std::move(ended); },
                                        .replaced = [this] { ++replaced; },
                                        .accept_returned = [this](unique_fd fd) { returned = std::move(fd); }},
            drain_timeout);
    }
    [[nodiscard]] result<std::string> restart() {
        result<std::string> out = fail(errc::unexpected);
        host.loops().run_until_done(restart_into(&*made, &out));
        if (out) pid = static_cast<int>(boost::json::parse(*out).at("pid").get_int64());
        return out;
    }

    const fs::path directory = fs::temp_directory_path() / fmt::format("sallyport-restart-{}", ::getpid());
    // Before any thread.
    const std::unique_ptr<helper::client> starter =
        std::move(*helper::client::start({.program = (directory / "program").string()}));
    daemon host{"test", 1};
    bool stopped = false;
    int closed_sockets = 0;
    int replaced = 0;
    int pid = 0;
    std::move_only_function<void()> sessions_ended;
    unique_fd returned;
    std::optional<graceful_restart> made;
};

TEST_F(GracefulRestart, DrainsOnceTheNewProcessIsReady) {
    start("[ \"$SALLYPORT_DOWN\" = ftp://10.0.0.1:21 ] && echo ready >&4\nexec sleep 60 >&- 2>&-\n");
    const auto answer = restart();
    ASSERT_TRUE(answer) << answer.error().text();
    const auto parsed = boost::json::parse(*answer);
    EXPECT_EQ(parsed.at("lines").at(0).get_string(),
              fmt::format("process {} has taken over; process {} exits when its sessions have ended, within 3600 s", pid,
                          ::getpid()));
    EXPECT_EQ(replaced, 1);
    EXPECT_FALSE(stopped);
    const auto again = restart();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, errc::rejected);
    EXPECT_NE(again.error().what.find("has taken over already"), std::string::npos);
    EXPECT_FALSE(stopped);
    ASSERT_TRUE(sessions_ended);
    sessions_ended();
    EXPECT_TRUE(stopped);
}

TEST_F(GracefulRestart, ContinuesIfTheNewProcessCanNotStart) {
    start("echo \"gate.toml, line 2: $(printf 'bad\\033')\" >&4\nexec sleep 60\n");
    const auto answer = restart();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().what, "restart failed, the running process continues: gate.toml, line 2: bad\\x1b");
    EXPECT_EQ(replaced, 0);
    EXPECT_FALSE(sessions_ended);
    start("echo ready >&4\nexec sleep 60\n");
    EXPECT_TRUE(restart()) << "a failed restart does not prevent the next one";
}

TEST_F(GracefulRestart, ContinuesIfTheNewProcessEndsWithoutAReason) {
    start("exit 3\n");
    const auto answer = restart();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().what.find("gave no reason"), std::string::npos) << answer.error().what;
    const auto second = restart();
    EXPECT_NE(second.error().what.find("gave no reason"), std::string::npos) << "it can be tried again";
}

TEST_F(GracefulRestart, ContinuesIfTheProgramIsGone) {
    start("");
    fs::remove(directory / "program");
    const auto answer = restart();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().what.find("program cannot be executed: No such file or directory"), std::string::npos)
        << answer.error().what;
}

TEST_F(GracefulRestart, IsOneAtATime) {
    start("sleep 0.2\necho ready >&4\nexec sleep 60\n");
    result<std::string> first = fail(errc::unexpected);
    result<std::string> second = fail(errc::unexpected);
    host.loops().run_until_done(restart_twice(&*made, &host.loops().at(0), &first, &second));
    ASSERT_TRUE(first) << first.error().text();
    pid = static_cast<int>(boost::json::parse(*first).at("pid").get_int64());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::busy);
    EXPECT_EQ(replaced, 1);
}

TEST_F(GracefulRestart, StopsAtTheDrainTimeout) {
    start("echo ready >&4\nexec sleep 60\n", 1s);
    ASSERT_TRUE(restart());
    EXPECT_FALSE(stopped);
    // The loops are stopped when the drain timeout expires.
    host.loops().run();
    EXPECT_TRUE(stopped);
}

TEST_F(GracefulRestart, WorksBySignal) {
    start("echo $$ > " + (directory / "pid").string() + "\necho ready >&4\nexec sleep 60\n");
    made->restart_by_signal();
    host.loops().run_until_done(run_until(&host.loops().at(0), [this] { return replaced == 1; }));
    std::ifstream(directory / "pid") >> pid;
    EXPECT_GT(pid, 0);
}

TEST_F(GracefulRestart, StartsTheNewProcessAgainIfItFails) {
    start(
        "[ -e $0.again ] || { touch $0.again; echo ready >&4; kill -9 $$; }\n"
        "sleep 0.3\ntouch $0.ready\necho ready >&4\nexec sleep 60\n");
    ASSERT_TRUE(restart());
    auto& loop = host.loops().at(0);
    host.loops().run_until_done(run_until(&loop, [this] { return closed_sockets == 1; }));
    sessions_ended();
    EXPECT_FALSE(stopped) << "no other process accepts connections yet";
    host.loops().run_until_done(run_until(&loop, [this] { return stopped; }));
    EXPECT_TRUE(fs::exists(directory / "program.ready"));
    EXPECT_EQ(replaced, 1);
    starter->end_successor();
}

TEST_F(GracefulRestart, DoesNotStartAProcessAgainThatWasStopped) {
    start("[ -e $0.again ] && touch $0.wrong\ntouch $0.again\necho ready >&4\nexit 0\n");
    ASSERT_TRUE(restart());
    auto& loop = host.loops().at(0);
    const auto later = net::clock::now() + 300ms;
    host.loops().run_until_done(run_until(&loop, [later] { return net::clock::now() > later; }));
    EXPECT_FALSE(fs::exists(directory / "program.wrong"));
    sessions_ended();
    EXPECT_TRUE(stopped);
}

TEST(OldProcess, IsWatchedUntilItExits) {
    daemon host("test", 1);
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    unique_fd theirs(ends[0]);
    const old_process old{unique_fd(ends[1])};
    bool ended = false;
    watch_old_process(host, old, [&ended] { ended = true; });
    watch_old_process(host, old_process(), [] { FAIL() << "there is none"; });
    auto& loop = host.loops().at(0);
    const auto later = net::clock::now() + 30ms;
    host.loops().run_until_done(run_until(&loop, [later] { return net::clock::now() > later; }));
    EXPECT_FALSE(ended);
    theirs.reset();
    host.loops().run_until_done(run_until(&loop, [&ended] { return ended; }));
}

}  // namespace
}  // namespace sallyport::ops
