#pragma once
// For tests: a tmpfs of a given size, mounted in a child process with a mount namespace of its own. One thread at
// a time.

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sallyport::vfs {

/// Runs `checks` in a child process with a tmpfs at `mount_point` and returns their result, the number of failures. Returns
/// nothing if mounts are not permitted, which counts as a failure in CI.
inline std::optional<int> run_on_tmpfs(const std::filesystem::path& mount_point, const std::string& size,
                                       const std::function<int()>& checks) {
    constexpr int not_permitted = 99;
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
            ::_exit(not_permitted);
        }
        ::_exit(checks());
    }
    int exit_status = 0;
    if (child < 0 || ::waitpid(child, &exit_status, 0) != child || !WIFEXITED(exit_status)) return -1;
    const char* ci = std::getenv("CI");
    const bool in_ci = ci != nullptr && !std::string_view(ci).empty();
    if (WEXITSTATUS(exit_status) == not_permitted && !in_ci) return std::nullopt;
    return WEXITSTATUS(exit_status);
}

}  // namespace sallyport::vfs
