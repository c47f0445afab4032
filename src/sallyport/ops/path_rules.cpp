#include <sallyport/ops/path_rules.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

constexpr auto read_by_system = std::to_array<std::string_view>({
    // resolv.conf, hosts, nsswitch.conf, gai.conf, localtime, CA certificates; replaced by other programs.
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    // Modules of the name service, character sets, time zones, CA certificates.
    "/usr",
    "/lib",
    "/lib64",
    // Descriptors and status of this process, port ranges, memory settings of the allocator.
    "/proc/self",
    "/proc/sys",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
});

/// Directories in which there are files of everything else.
bool is_shared_by_all(const fs::path& directory) {
    return directory.empty() || directory == "/" || directory == "/root" || directory == "/dev";
}

void add_with_directory(std::vector<path_rule>& into, const fs::path& file, path_access access) {
    const auto directory = file.parent_path();
    const auto& path = is_shared_by_all(directory) ? file : directory;
    path_rule rule{path.string(), access};
    if (std::ranges::find(into, rule) == into.end()) into.push_back(std::move(rule));
}

}  // namespace

void path_rules::add_file(const std::string& path, path_access access) {
    if (path.empty() || path == "-") return;
    std::error_code failed;
    const auto absolute = fs::absolute(path, failed);
    if (failed) return;
    add_with_directory(paths, absolute.lexically_normal(), access);
    // Each link of a chain, as in /etc/letsencrypt/live: a renewal changes the last one.
    const auto target = fs::canonical(absolute, failed);
    if (!failed) add_with_directory(paths, target, access);
}

std::vector<path_rule> system_paths() {
    std::vector<path_rule> out;
    for (const auto path : read_by_system) out.push_back({std::string(path), path_access::read});
    return out;
}

}  // namespace sallyport::ops
