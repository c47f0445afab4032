#include <sallyport/doctor/program_output.hpp>

#include <array>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::doctor {
namespace {

/// The search path of an ordinary user lacks the directories for programs of the system.
[[nodiscard]] int start(pid_t& process, const posix_spawn_file_actions_t& actions, const std::vector<char*>& arguments) {
    const std::string_view name = arguments[0];
    int os = ::posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
    for (const auto* directory : {"/usr/sbin", "/sbin"}) {
        if (os != ENOENT || name.contains('/')) break;
        const auto path = fmt::format("{}/{}", directory, name);
        os = ::posix_spawn(&process, path.c_str(), &actions, nullptr, arguments.data(), environ);
    }
    return os;
}

}  // namespace

result<std::optional<program_run>> run_program(const std::vector<std::string>& words, program_messages messages) {
    std::array<int, 2> pipe_ends{};
    if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return fail_os(errno, words[0]);
    const unique_fd read_end(pipe_ends[0]);
    unique_fd write_end(pipe_ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    if (messages == program_messages::discarded)
        ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t process = 0;
    const int os = start(process, actions, arguments);
    ::posix_spawn_file_actions_destroy(&actions);
    if (os == ENOENT) return std::nullopt;
    if (os != 0) return fail_os(os, words[0]);
    write_end.reset();
    program_run out;
    std::array<char, 65536> part;
    for (;;) {
        const auto got = ::read(read_end.get(), part.data(), part.size());
        if (got <= 0) break;
        out.output.append(part.data(), static_cast<std::size_t>(got));
    }
    while (::waitpid(process, &out.status, 0) < 0 && errno == EINTR) continue;
    return out;
}

result<std::optional<std::string>> output_of(const std::vector<std::string>& words) {
    // Its messages are warnings about rules of the other kind; a failure has the status.
    auto run = run_program(words, program_messages::discarded);
    if (!run) return std::unexpected(std::move(run.error()));
    if (!*run) return std::nullopt;
    if ((*run)->status != 0)
        return fail(errc::rejected, fmt::format("`{}` failed; run this command as root", fmt::join(words, " ")));
    return std::move((*run)->output);
}

}  // namespace sallyport::doctor
