#include <sallyport/cli/shell_jobs.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ranges>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/cli/entry_text.hpp>

namespace sallyport::cli {
namespace {

constexpr int between_looks_ms = 50;
constexpr std::string_view password_variable = "SALLYPORT_PASSWORD=";

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& each : words) out.push_back(each.data());
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> environment_with(const std::string& password) {
    std::vector<std::string> out;
    for (char** at = environ; *at != nullptr; ++at)
        if (!std::string_view(*at).starts_with(password_variable)) out.emplace_back(*at);
    out.push_back(std::string(password_variable) + password);
    return out;
}

int exit_code_in(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

volatile std::sig_atomic_t was_interrupted = 0;

/// While it exists, Ctrl-C sets was_interrupted, and does not end the process.
class interruptible_wait {
public:
    interruptible_wait() {
        was_interrupted = 0;
        struct ::sigaction note{};
        note.sa_handler = [](int /*signal*/) { was_interrupted = 1; };
        ::sigaction(SIGINT, &note, &before_);
    }
    ~interruptible_wait() { ::sigaction(SIGINT, &before_, nullptr); }
    interruptible_wait(const interruptible_wait&) = delete;
    interruptible_wait& operator=(const interruptible_wait&) = delete;

private:
    struct ::sigaction before_{};
};

}  // namespace

result<int> shell_jobs::start(std::string title, std::vector<std::string> arguments, const std::string& password) {
    unique_fd output(::memfd_create("output", MFD_CLOEXEC));
    if (!output) return fail_os(errno, "the output of the command");
    arguments.insert(arguments.begin(), "sallyport");
    auto environment = environment_with(password);
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
    ::posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    // A process group of its own, to which Ctrl-C does not go.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    ::pid_t process = 0;
    const int os = ::posix_spawn(&process, "/proc/self/exe", &actions, &attributes, pointers_to(arguments).data(),
                                 pointers_to(environment).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (os != 0) return fail_os(os, "sallyport");
    jobs_.push_back({++last_number_, std::move(title), process, std::move(output)});
    return last_number_;
}

std::string shell_jobs::list() const {
    std::string out;
    for (const auto& each : jobs_) out += fmt::format("[{}] {}\n", each.number, display_text(each.title));
    return out;
}

std::vector<int> shell_jobs::numbers() const {
    std::vector<int> out;
    for (const auto& each : jobs_) out.push_back(each.number);
    return out;
}

int shell_jobs::report(const job& ended, int status) {
    std::string text;
    std::array<char, 65536> part;
    ::lseek(ended.output.get(), 0, SEEK_SET);
    for (;;) {
        const auto got = ::read(ended.output.get(), part.data(), part.size());
        if (got <= 0) break;
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    if (text.ends_with('\n')) text.pop_back();
    if (!text.empty())
        for (const auto line : std::views::split(text, '\n')) fmt::print("{}\n", display_text(std::string_view(line)));
    const int code = exit_code_in(status);
    fmt::print("[{}] {}: {}\n", ended.number, display_text(ended.title),
               code == 0 ? "done" : fmt::format("failed with exit code {}", code));
    std::fflush(stdout);
    return code;
}

bool shell_jobs::report_ended() {
    const auto before = jobs_.size();
    std::erase_if(jobs_, [](const job& each) {
        int status = 0;
        if (::waitpid(each.process, &status, WNOHANG) != each.process) return false;
        report(each, status);
        return true;
    });
    return jobs_.size() != before;
}

std::optional<int> shell_jobs::wait_for(int number) {
    const auto found = std::ranges::find(jobs_, number, &job::number);
    if (found == jobs_.end()) return std::nullopt;
    const interruptible_wait waits;
    int status = 0;
    // Not one call that waits: a signal just before it would have no effect.
    while (::waitpid(found->process, &status, WNOHANG) == 0) {
        if (std::exchange(was_interrupted, 0) != 0) ::kill(found->process, SIGINT);
        ::poll(nullptr, 0, between_looks_ms);
    }
    const auto ended = std::move(*found);
    jobs_.erase(found);
    return report(ended, status);
}

bool shell_jobs::kill(int number) const {
    const auto found = std::ranges::find(jobs_, number, &job::number);
    return found != jobs_.end() && ::kill(found->process, SIGINT) == 0;
}

}  // namespace sallyport::cli
