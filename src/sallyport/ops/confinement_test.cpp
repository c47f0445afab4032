// Each test confines a child process, which then tries what an attacker would try; the parent checks what was refused.
#include <sallyport/ops/confinement.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/ops/landlock.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

class Confinement : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_NE(::mkdtemp(base.data()), nullptr);
        for (const char* name : {"shared", "secret"}) {
            fs::create_directory(base + "/" + name);
            std::ofstream(base + "/" + name + "/file") << "content";
        }
        ::chmod(base.c_str(), 0755);
        ::chmod((base + "/shared").c_str(), 0777);
        rules.paths.paths = system_paths();
        rules.paths.add_directory(base + "/shared", path_access::write);
        rules.paths.ports = {{port_range{0, 0}}};
        if (::geteuid() == 0) rules.become = identity{"nobody", 65534, 65534, {}};
    }
    void TearDown() override { fs::remove_all(base); }

    [[nodiscard]] bool confined() const {
        const auto first = prepare_confinement(rules);
        return first && finish_confinement(*first);
    }

    /// Runs `attempt` in a confined child process; true if it returned true there.
    [[nodiscard]] bool succeeds(const std::function<bool()>& attempt) const {
        const auto child = ::fork();
        if (child == 0) ::_exit(!confined() ? 2 : attempt() ? 0 : 1);
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
        EXPECT_NE(WEXITSTATUS(status), 2) << "not confined";
        return WEXITSTATUS(status) == 0;
    }

    std::string base = "/tmp/confinement-XXXXXX";
    confinement rules;
};

bool can_open(const std::string& path, int flags) { return static_cast<bool>(unique_fd(::open(path.c_str(), flags, 0600))); }

bool can_listen(std::uint16_t port) {
    const unique_fd fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    // A loopback address that no other program uses.
    at.sin_addr.s_addr = htonl(0x7f007107);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 && ::listen(fd.get(), 1) == 0;
}

bool can_open_socket(int family, int type, int protocol = 0) {
    return static_cast<bool>(unique_fd(::socket(family, type, protocol)));
}

std::string field(const char* name) {
    std::ifstream in("/proc/self/status");
    for (std::string word; in >> word;)
        if (word == name) return in >> word, word;
    return {};
}

TEST_F(Confinement, permits_files_beneath_the_shared_directory) {
    EXPECT_TRUE(succeeds([&] {
        const auto shared = base + "/shared";
        return can_open(shared + "/new", O_WRONLY | O_CREAT) && ::mkdir((shared + "/d").c_str(), 0700) == 0 &&
               ::rename((shared + "/new").c_str(), (shared + "/d/moved").c_str()) == 0 &&
               ::unlink((shared + "/d/moved").c_str()) == 0 && ::rmdir((shared + "/d").c_str()) == 0;
    }));
}

TEST_F(Confinement, refuses_files_elsewhere) {
    EXPECT_FALSE(succeeds([] { return can_open("/etc/shadow", O_RDONLY); }));
    EXPECT_FALSE(succeeds([&] { return can_open(base + "/new", O_WRONLY | O_CREAT); }));
    EXPECT_FALSE(succeeds([&] { return can_open("/tmp/confinement-new", O_WRONLY | O_CREAT); }));
    if (!landlock_version()) GTEST_SKIP() << "needs Landlock";
    EXPECT_FALSE(succeeds([&] { return can_open(base + "/secret/file", O_RDONLY); }));
}

TEST_F(Confinement, refuses_to_listen_on_a_port_that_is_no_setting) {
    if (landlock_version().value_or(0) < 4) GTEST_SKIP() << "needs Linux 6.7";
    EXPECT_TRUE(succeeds([] { return can_listen(0); }));
    EXPECT_FALSE(succeeds([] { return can_listen(23445); }));
    rules.paths.ports->push_back({23440, 23450});
    EXPECT_TRUE(succeeds([] { return can_listen(23445); }));
    rules.paths.ports.reset();
    EXPECT_TRUE(succeeds([] { return can_listen(23445); }));
}

TEST_F(Confinement, refuses_raw_and_packet_sockets) {
    EXPECT_TRUE(succeeds([] { return can_open_socket(AF_INET, SOCK_STREAM); }));
    EXPECT_TRUE(succeeds([] { return can_open_socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK); }));
    EXPECT_FALSE(succeeds([] { return can_open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }));
    EXPECT_FALSE(succeeds([] { return can_open_socket(AF_PACKET, SOCK_RAW); }));
    EXPECT_FALSE(succeeds([] { return can_open_socket(AF_NETLINK, SOCK_RAW, 12); }));
}

TEST_F(Confinement, refuses_programs_processes_and_tracing) {
    EXPECT_FALSE(succeeds([] { return ::execl("/bin/true", "true", nullptr) == 0; }));
    EXPECT_FALSE(succeeds([] { return ::fork() >= 0; }));
    EXPECT_FALSE(succeeds([] { return ::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr) == 0; }));
    EXPECT_FALSE(succeeds([] { return ::setresuid(0, 0, 0) == 0 && ::geteuid() == 0; }));
}

TEST_F(Confinement, permits_threads) {
    EXPECT_TRUE(succeeds([] {
        bool ran = false;
        std::thread([&ran] { ran = true; }).join();
        return ran;
    }));
}

TEST_F(Confinement, applies_to_threads_that_run_already) {
    const auto attempt = [this] {
        const auto first = prepare_confinement(rules);
        std::array<int, 2> go{};
        if (!first || ::pipe(go.data()) != 0) return false;
        bool refused = false;
        std::thread waiting([&] {
            char byte = 0;
            (void)!::read(go[0], &byte, 1);
            refused =
                ::geteuid() != 0 && !can_open(base + "/secret/file", O_RDONLY) && !can_open_socket(AF_PACKET, SOCK_RAW);
        });
        const auto done = finish_confinement(*first);
        (void)!::write(go[1], "x", 1);
        waiting.join();
        return done && refused;
    };
    const auto child = ::fork();
    if (child == 0) ::_exit(attempt() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(Confinement, is_visible_in_the_status_of_the_process) {
    EXPECT_TRUE(succeeds(
        [] { return field("Seccomp:") == "2" && field("NoNewPrivs:") == "1" && field("CapPrm:") == "0000000000000000"; }));
}

TEST_F(Confinement, gives_the_memory_of_the_process_to_root_alone) {
    EXPECT_TRUE(succeeds([] {
        struct stat memory{};
        return ::stat("/proc/self/mem", &memory) == 0 && memory.st_uid == 0;
    }));
}

TEST_F(Confinement, keeps_the_capabilities_that_are_named) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    rules.capabilities = std::uint64_t{1} << 10U;
    EXPECT_TRUE(succeeds([] { return field("CapEff:") == "0000000000000400" && ::geteuid() != 0; }));
}

TEST_F(Confinement, has_no_filter_with_sandbox_off) {
    rules.sandbox = sandbox_mode::off;
    EXPECT_TRUE(succeeds([&] { return field("Seccomp:") == "0" && (::geteuid() != 0 || !rules.become); }));
}

}  // namespace
}  // namespace sallyport::ops
