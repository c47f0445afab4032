#pragma once
// For tests: a disk in memory of a chosen size, mounted where nobody else sees it: in a child process with its own mounts.

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

/// Runs `checks` in a child that has such a disk at `where`; it returns the number of failed ones. Nothing where mounts are
/// not permitted, which in CI counts as a failure.
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
