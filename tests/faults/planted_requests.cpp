// Acts in a process that it is preloaded into as an intruder would who has taken it over: it tries what docs/trust.md says
// that the process may not do, and writes the outcomes to standard error. It does so once in each process of a daemon: in
// the one that serves clients when it accepts a connection, and in those that serve it when they receive a request.
//
// PLANTED_FILE names a file that does not exist in a directory that all users may write to, PLANTED_PORT a free port,
// PLANTED_PROCESS another process.

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void report(const char* attempt, bool succeeded) {
    const int reason = errno;
    char process[16] = "";
    ::prctl(PR_GET_NAME, process);
    char line[200];
    const int size = std::snprintf(line, sizeof line, "planted in %s: %s: %s\n", process, attempt,
                                   succeeded ? "permitted" : ::strerrordesc_np(reason));
    if (size > 0) (void)!::write(STDERR_FILENO, line, static_cast<std::size_t>(size));
}

[[nodiscard]] bool closes(int fd) {
    if (fd < 0) return false;
    ::close(fd);
    return true;
}

[[nodiscard]] bool listens(const char* port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    const bool done = ::bind(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 && ::listen(socket, 1) == 0;
    const int reason = errno;
    ::close(socket);
    errno = reason;
    return done;
}

[[nodiscard]] bool starts_a_program() {
    const int child = ::fork();
    if (child == 0) {
        ::execl("/bin/true", "true", nullptr);
        ::_exit(1);
    }
    if (child < 0) return false;
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0;
}

[[nodiscard]] bool traces(const char* process) {
    const int pid = std::atoi(process);
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return false;
    // A process must be stopped to be released.
    ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
    ::waitpid(pid, nullptr, __WALL);
    ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    return true;
}

void act() {
    static std::atomic<int> of_process = 0;
    const int own = ::getpid();
    const char* const file = std::getenv("PLANTED_FILE");
    const char* const port = std::getenv("PLANTED_PORT");
    const char* const process = std::getenv("PLANTED_PROCESS");
    if (file == nullptr || port == nullptr || process == nullptr || of_process.exchange(own) == own) return;
    report("read /etc/shadow", closes(::open("/etc/shadow", O_RDONLY | O_CLOEXEC)));
    report("write outside", closes(::open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
    ::unlink(file);
    report("listen", listens(port));
    report("raw socket", closes(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)));
    report("packet socket", closes(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)));
    report("firewall", closes(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)));
    report("trace", traces(process));
    report("program", starts_a_program());
    report("root", ::geteuid() != 0 && ::setresuid(0, 0, 0) == 0);
}

template <class Function>
[[nodiscard]] Function original(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int accept4(int socket, sockaddr* peer, socklen_t* size, int flags) {
    static const auto next = original<int (*)(int, sockaddr*, socklen_t*, int)>("accept4");
    const int accepted = next(socket, peer, size, flags);
    if (accepted >= 0) {
        act();
        errno = 0;
    }
    return accepted;
}

ssize_t recvmsg(int socket, msghdr* message, int flags) {
    static const auto next = original<ssize_t (*)(int, msghdr*, int)>("recvmsg");
    const auto got = next(socket, message, flags);
    int type = 0;
    socklen_t size = sizeof type;
    // The helper's requests, and not those of the resolver.
    if (got > 0 && ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET) {
        char process[16] = "";
        ::prctl(PR_GET_NAME, process);
        if (std::strcmp(process, "helper") == 0) act();
    }
    return got;
}
}
