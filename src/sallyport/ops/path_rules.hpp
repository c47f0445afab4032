#pragma once
// The files and TCP ports that a daemon uses while it runs, as a value made from its settings; landlock.hpp applies it.
// Values and pure functions, except for add_file(), which resolves links; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::ops {

enum class path_access : std::uint8_t {
    read,
    // Also create, write, rename and remove files and directories.
    write,
};

/// Applies to a file, or to a directory with everything beneath it. A path that does not exist is ignored.
struct path_rule {
    std::string path;
    path_access access = path_access::read;
    friend bool operator==(const path_rule&, const path_rule&) = default;
};

struct path_rules {
    std::vector<path_rule> paths;
    // TCP ports to listen on; nothing: any.
    std::optional<std::vector<port_range>> ports{};

    /// Adds the directory of a file, and that of the file that it is a link to, since a file that is replaced (a renewed
    /// certificate, a rotated log) is another one. In /, /dev and /root, only the file itself. Empty names and "-" are
    /// ignored.
    void add_file(const std::string& path, path_access access);
    void add_directory(const std::string& path, path_access access) { paths.push_back({path, access}); }
};

/// What the C library and OpenSSL read while a program runs: DNS and time zone settings, modules of the name service, CA
/// certificates, and facts about this process and its network.
[[nodiscard]] std::vector<path_rule> system_paths();

}  // namespace sallyport::ops
