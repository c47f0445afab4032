#include <sallyport/ops/privileges.hpp>

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sallyport::ops {
namespace {

// The C library has no functions for these two system calls.
struct capability_sets {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> halves{};

    [[nodiscard]] bool read() { return ::syscall(SYS_capget, &header, halves.data()) == 0; }
    [[nodiscard]] bool write() { return ::syscall(SYS_capset, &header, halves.data()) == 0; }
    [[nodiscard]] std::uint64_t permitted() const { return std::uint64_t{halves[1].permitted} << 32U | halves[0].permitted; }
};

bool is_identity(uid_t user, gid_t group) {
    std::array<uid_t, 3> users{};
    std::array<gid_t, 3> groups{};
    return ::getresuid(&users[0], &users[1], &users[2]) == 0 && ::getresgid(&groups[0], &groups[1], &groups[2]) == 0 &&
           users == std::array{user, user, user} && groups == std::array{group, group, group};
}

}  // namespace

std::uint64_t permitted_capabilities() {
    capability_sets now;
    return now.read() ? now.permitted() : 0;
}

result<void> change_identity(const identity& to, std::uint64_t kept) {
    const auto refuse = [&](int os, const char* call) {
        return fail_os(
            os, fmt::format("cannot run as {} ({}); start as a user that is not root, or use --unsafe-root", to.name, call));
    };
    if (kept != 0 && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return refuse(errno, "PR_SET_KEEPCAPS");
    if (::setgroups(to.groups.size(), to.groups.data()) != 0) return refuse(errno, "setgroups");
    if (::setresgid(to.group, to.group, to.group) != 0) return refuse(errno, "setresgid");
    if (::setresuid(to.user, to.user, to.user) != 0) return refuse(errno, "setresuid");
    ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (auto dropped = drop_capabilities(kept); !dropped) return dropped;
    if (!is_identity(to.user, to.group) || ::setresuid(0, 0, 0) == 0) return refuse(EPERM, "root can be regained");
    return {};
}

result<void> drop_capabilities(std::uint64_t kept) {
    capability_sets sets;
    if (!sets.read()) return fail_os(errno, "capget");
    const auto rest = sets.permitted() & kept;
    for (std::size_t half = 0; half < sets.halves.size(); ++half) {
        const auto bits = static_cast<std::uint32_t>(rest >> 32U * half);
        sets.halves[half] = {.effective = bits, .permitted = bits, .inheritable = 0};
    }
    if (!sets.write()) return fail_os(errno, "cannot drop capabilities (capset)");
    // Fails before Linux 4.3, which has none.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (permitted_capabilities() != rest) return fail(errc::io, "cannot drop capabilities: some are still permitted");
    return {};
}

}  // namespace sallyport::ops
