#include <sallyport/ops/landlock.hpp>

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {
namespace {

// The interface of the kernel (linux/landlock.h), since the header of an older system lacks newer parts.
struct ruleset_attributes {
    std::uint64_t files;
    std::uint64_t ports;
};
struct [[gnu::packed]] path_attributes {
    std::uint64_t allowed;
    std::int32_t directory;
};
struct port_attributes {
    std::uint64_t allowed;
    std::uint64_t port;
};
constexpr unsigned version_flag = 1;
constexpr int beneath_path = 1;
constexpr int tcp_port = 2;
constexpr std::uint64_t bind_tcp = 1;

constexpr std::uint64_t execute = 1U << 0;
constexpr std::uint64_t write_file = 1U << 1;
constexpr std::uint64_t read_file = 1U << 2;
constexpr std::uint64_t read_directory = 1U << 3;
constexpr std::uint64_t remove_directory = 1U << 4;
constexpr std::uint64_t remove_file = 1U << 5;
constexpr std::uint64_t make_directory = 1U << 7;
constexpr std::uint64_t make_file = 1U << 8;
constexpr std::uint64_t make_socket = 1U << 9;
constexpr std::uint64_t refer = 1U << 13;
constexpr std::uint64_t truncate = 1U << 14;
constexpr std::uint64_t control_device = 1U << 15;
// Rights that a rule for a file that is no directory may have.
constexpr std::uint64_t rights_of_files = execute | write_file | read_file | truncate | control_device;

constexpr std::uint64_t reading = read_file | read_directory;
constexpr std::uint64_t writing =
    reading | write_file | remove_directory | remove_file | make_directory | make_file | make_socket | refer | truncate;

/// All rights that this version knows, so that what no rule allows is refused.
std::uint64_t known_rights(int version) {
    std::uint64_t out = (1U << 13) - 1;
    if (version >= 2) out |= refer;
    if (version >= 3) out |= truncate;
    if (version >= 5) out |= control_device;
    return out;
}

result<void> add_path(int ruleset, const path_rule& rule, std::uint64_t known) {
    const unique_fd at(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
    if (!at) return {};
    struct stat facts{};
    if (::fstat(at.get(), &facts) != 0) return {};
    path_attributes attributes{.allowed = (rule.access == path_access::write ? writing : reading) & known,
                               .directory = at.get()};
    if (!S_ISDIR(facts.st_mode)) attributes.allowed &= rights_of_files;
    if (::syscall(SYS_landlock_add_rule, ruleset, beneath_path, &attributes, 0) != 0)
        return fail_os(errno, fmt::format("Landlock refused the rule for {}", rule.path));
    return {};
}

result<void> add_port(int ruleset, std::uint16_t port) {
    const port_attributes attributes{.allowed = bind_tcp, .port = port};
    if (::syscall(SYS_landlock_add_rule, ruleset, tcp_port, &attributes, 0) != 0)
        return fail_os(errno, fmt::format("Landlock refused the rule for port {}", port));
    return {};
}

}  // namespace

result<int> landlock_version() {
    const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, version_flag);
    if (version < 0)
        return fail(errc::unsupported, errno == EOPNOTSUPP ? "Landlock is disabled in this kernel (add landlock to lsm=)"
                                                           : "this kernel has no Landlock");
    if (version == 1) return fail(errc::unsupported, "Landlock of this kernel is too old; Linux 5.19 has a usable one");
    return static_cast<int>(version);
}

result<void> apply_landlock(const path_rules& rules, int version) {
    const bool ports = rules.ports.has_value() && restricts_ports(version);
    const ruleset_attributes handled{.files = known_rights(version), .ports = ports ? bind_tcp : 0};
    // Older kernels do not know the second member.
    const auto size = restricts_ports(version) ? sizeof handled : sizeof handled.files;
    const unique_fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, size, 0)));
    if (!ruleset) return fail_os(errno, "Landlock");
    for (const auto& rule : rules.paths)
        if (auto added = add_path(ruleset.get(), rule, handled.files); !added) return added;
    if (ports) {
        for (const auto& range : *rules.ports)
            for (std::uint32_t port = range.first; port <= range.last; ++port)
                if (auto added = add_port(ruleset.get(), static_cast<std::uint16_t>(port)); !added) return added;
    }
    if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return fail_os(errno, "Landlock");
    return {};
}

}  // namespace sallyport::ops
