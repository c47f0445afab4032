#include <sallyport/ops/handover.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>

extern char** environ;

namespace sallyport::ops {
namespace {

constexpr auto pid_variable = "LISTEN_PID";
constexpr auto count_variable = "LISTEN_FDS";
constexpr auto names_variable = "LISTEN_FDNAMES";
// Names separated by blanks.
constexpr auto down_variable = "SALLYPORT_DOWN";
constexpr std::string_view connection_name = "sallyport-handover";
constexpr std::string_view listener_name = "sallyport";
constexpr int first_descriptor = 3;
constexpr std::uint64_t max_sockets = 4096;

[[nodiscard]] std::string extract_variable(const char* name) {
    const char* const found = std::getenv(name);
    std::string out = found == nullptr ? "" : found;
    ::unsetenv(name);
    return out;
}

[[nodiscard]] std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> out;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, at);) out.push_back(part);
    return out;
}

[[nodiscard]] std::vector<std::string> process_arguments() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    return split(std::string(std::istreambuf_iterator<char>(in), {}), '\0');
}

/// The environment of the new process, except LISTEN_PID. The variables that were set for this process are not passed on.
[[nodiscard]] std::vector<std::string> environment_for(const handover_state& state) {
    std::vector<std::string> names(state.sockets.size(), std::string(listener_name));
    names.emplace_back(connection_name);
    std::vector<std::string> out{fmt::format("{}={}", count_variable, names.size()),
                                 fmt::format("{}={}", names_variable, fmt::join(names, ":")),
                                 fmt::format("{}={}", down_variable, fmt::join(state.down, " "))};
    for (char** e = environ; *e != nullptr; ++e) out.emplace_back(*e);
    return out;
}

[[nodiscard]] std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

/// What the child needs between fork() and exec, where it must not allocate memory because the process has threads.
struct child_setup {
    const char* program;
    std::vector<char*> arguments;
    // The first one is `listen_pid`.
    std::vector<char*> environment;
    std::array<char, 32> listen_pid{};
    // Copies with numbers above those that they get in the child; the last one is the connection.
    std::vector<unique_fd> copies;
    // The beginning of the message if the program cannot be executed.
    std::string failure;
    // The signal mask of the new process.
    sigset_t signals{};
};

[[nodiscard]] std::string_view put_pid(std::array<char, 32>& into) noexcept {
    constexpr std::string_view name = "LISTEN_PID=";
    std::memcpy(into.data(), name.data(), name.size());
    auto* const end = std::to_chars(into.data() + name.size(), into.data() + into.size() - 1, ::getpid()).ptr;
    *end = '\0';
    return {into.data(), end};
}

[[noreturn]] void run_child(child_setup& setup) noexcept {
    int next = first_descriptor;
    // The copy has no close-on-exec flag.
    for (const auto& fd : setup.copies) ::dup2(fd.get(), next++);
    (void)put_pid(setup.listen_pid);
    ::pthread_sigmask(SIG_SETMASK, &setup.signals, nullptr);
    ::execve(setup.program, setup.arguments.data(), setup.environment.data());
    const char* const reason = ::strerrordesc_np(errno);
    const int connection = setup.copies.back().get();
    (void)::send(connection, setup.failure.data(), setup.failure.size(), MSG_NOSIGNAL);
    (void)::send(connection, reason, std::strlen(reason), MSG_NOSIGNAL);
    (void)::send(connection, "\n", 1, MSG_NOSIGNAL);
    ::_exit(127);
}

/// A message of one byte, with space for one descriptor (unix(7)).
struct handover_message {
    handover_message() {
        message.msg_iov = &bytes;
        message.msg_iovlen = 1;
        message.msg_control = space.data();
        message.msg_controllen = space.size();
    }
    handover_message(const handover_message&) = delete;
    handover_message& operator=(const handover_message&) = delete;

    char byte = 0;
    iovec bytes{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    msghdr message{};
};

[[nodiscard]] int socket_option(int fd, int option) noexcept {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

[[nodiscard]] bool is_listening_tcp(int fd) noexcept {
    const int domain = socket_option(fd, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6) && socket_option(fd, SO_TYPE) == SOCK_STREAM &&
           socket_option(fd, SO_ACCEPTCONN) == 1;
}

}  // namespace

void old_process::notify(std::string_view line) const {
    if (!connection_) return;
    const auto text = fmt::format("{}\n", line);
    (void)::send(connection_.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

bool old_process::return_connection(int connection) const {
    if (!connection_) return false;
    handover_message sent;
    auto* const rights = CMSG_FIRSTHDR(&sent.message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof connection);
    std::memcpy(CMSG_DATA(rights), &connection, sizeof connection);
    return ::sendmsg(connection_.get(), &sent.message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

unique_fd old_process::copy() const {
    return connection_ ? unique_fd(::fcntl(connection_.get(), F_DUPFD_CLOEXEC, 0)) : unique_fd();
}

handover_state receive_handover() {
    const auto pid = extract_variable(pid_variable);
    const auto count = parse_decimal(extract_variable(count_variable), max_sockets);
    const auto names = split(extract_variable(names_variable), ':');
    const auto down = extract_variable(down_variable);
    handover_state out;
    // The variables are for another process that passed on its environment.
    if (!count || pid != std::to_string(::getpid())) return out;
    for (std::size_t i = 0; i < *count; ++i) {
        unique_fd fd(first_descriptor + static_cast<int>(i));
        if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) {
            // This descriptor is not open.
            (void)fd.release();
            continue;
        }
        auto name = i < names.size() ? names[i] : std::string();
        if (name == connection_name && socket_option(fd.get(), SO_DOMAIN) == AF_UNIX)
            out.from = old_process(std::move(fd));
        else
            out.sockets.push_back({std::move(fd), std::move(name)});
    }
    if (out.from) {
        std::istringstream words(down);
        out.down.assign(std::istream_iterator<std::string>(words), {});
    }
    return out;
}

std::vector<unique_fd> listening_sockets(std::vector<handed_socket> all) {
    std::vector<unique_fd> out;
    for (auto& socket : all) {
        if (is_listening_tcp(socket.fd.get())) {
            out.push_back(std::move(socket.fd));
            continue;
        }
        log::warning({}, fmt::format("Closed the socket \"{}\" that was handed to this process: it is not a listening TCP "
                                     "socket; use ListenStream= with an address and a port, and Accept=no",
                                     escape(socket.name, 200)));
    }
    return out;
}

result<unique_fd> receive_returned(int connection) {
    handover_message received;
    const auto n = ::recvmsg(connection, &received.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return fail(errc::busy);
    const auto* const rights = CMSG_FIRSTHDR(&received.message);
    if (n <= 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return fail(errc::closed);
    int returned = -1;
    std::memcpy(&returned, CMSG_DATA(rights), sizeof returned);
    return unique_fd(returned);
}

// LISTEN_PID must be the process ID of the new process, which only the child knows: hence fork() and not posix_spawn().
result<new_process> start_new_process(const std::string& program, const handover_state& state) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return fail_os(errno, "socketpair");
    new_process out{.pid = 0, .connection = unique_fd(ends[0])};
    const unique_fd child_end(ends[1]);
    ::fcntl(out.connection.get(), F_SETFL, O_NONBLOCK);

    auto arguments = process_arguments();
    auto environment = environment_for(state);
    child_setup child{.program = program.c_str(),
                      .arguments = pointers_to(arguments),
                      .environment = pointers_to(environment),
                      .copies = {},
                      .failure = fmt::format("{} cannot be executed: ", program)};
    child.environment.insert(child.environment.begin(), child.listen_pid.data());
    const int above = first_descriptor + static_cast<int>(state.sockets.size()) + 1;
    const auto copy = [&child, above](int fd) {
        child.copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, above));
        return static_cast<bool>(child.copies.back());
    };
    bool copied = true;
    for (const auto& socket : state.sockets) copied = copied && copy(socket.fd.get());
    if (!copied || !copy(child_end.get())) return fail_os(errno, "no descriptors are left for a new process");

    // No signal handler of this process may run in the child.
    sigset_t all{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &child.signals);
    out.pid = ::fork();
    if (out.pid == 0) run_child(child);
    const int os = errno;
    ::pthread_sigmask(SIG_SETMASK, &child.signals, nullptr);
    if (out.pid < 0) return fail_os(os, fmt::format("{} cannot be started", program));
    return out;
}

std::string program_path() {
    std::array<char, 4096> path{};
    const auto n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace sallyport::ops
