#include <sallyport/helper/successor.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <unistd.h>

extern char** environ;

namespace sallyport::helper {
namespace {

[[nodiscard]] std::vector<std::string> process_arguments() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> out;
    for (std::string part; std::getline(in, part, '\0');) out.push_back(part);
    return out;
}

/// The environment of the new process, except LISTEN_PID. The variables that were set for this process are not passed on.
[[nodiscard]] std::vector<std::string> environment_for(const successor& state) {
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

/// What the child needs between fork() and exec, where it must not allocate memory if this process has threads.
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
    sigset_t signals{};
};

void put_pid(std::array<char, 32>& into) noexcept {
    constexpr std::string_view name = "LISTEN_PID=";
    std::memcpy(into.data(), name.data(), name.size());
    *std::to_chars(into.data() + name.size(), into.data() + into.size() - 1, ::getpid()).ptr = '\0';
}

[[noreturn]] void run_child(child_setup& setup) noexcept {
    int next = first_descriptor;
    // The copy has no close-on-exec flag.
    for (const auto& fd : setup.copies) ::dup2(fd.get(), next++);
    put_pid(setup.listen_pid);
    ::sigprocmask(SIG_SETMASK, &setup.signals, nullptr);
    ::execve(setup.program, setup.arguments.data(), setup.environment.data());
    const char* const reason = ::strerrordesc_np(errno);
    const int connection = setup.copies.back().get();
    (void)::send(connection, setup.failure.data(), setup.failure.size(), MSG_NOSIGNAL);
    (void)::send(connection, reason, std::strlen(reason), MSG_NOSIGNAL);
    (void)::send(connection, "\n", 1, MSG_NOSIGNAL);
    ::_exit(127);
}

}  // namespace

// LISTEN_PID must be the process ID of the new process, which only the child knows: hence fork() and not posix_spawn().
result<int> start_program(const std::string& program, const successor& state, int connection, const sigset_t& signals) {
    auto arguments = process_arguments();
    auto environment = environment_for(state);
    child_setup child{.program = program.c_str(),
                      .arguments = pointers_to(arguments),
                      .environment = pointers_to(environment),
                      .copies = {},
                      .failure = fmt::format("{} cannot be executed: ", program),
                      .signals = signals};
    child.environment.insert(child.environment.begin(), child.listen_pid.data());
    const int above = first_descriptor + static_cast<int>(state.sockets.size()) + 1;
    const auto copy = [&child, above](int fd) {
        child.copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, above));
        return static_cast<bool>(child.copies.back());
    };
    bool copied = true;
    for (const auto& socket : state.sockets) copied = copied && copy(socket.get());
    if (!copied || !copy(connection)) return fail_os(errno, "no descriptors are left for a new process");
    const int pid = ::fork();
    if (pid == 0) run_child(child);
    if (pid < 0) return fail_os(errno, fmt::format("{} cannot be started", program));
    return pid;
}

}  // namespace sallyport::helper
