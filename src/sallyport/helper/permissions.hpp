#pragma once
// What the configuration at the start permits the helper process to do.
//
// Values; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/firewall/interception.hpp>

namespace sallyport::helper {

// How many openings there are at once, which is more than there are sessions on a machine.
inline constexpr std::size_t max_openings = 65'536;

/// A file that the configuration at the start names.
struct permitted_file {
    std::string path;
    // A log, which is appended to and created if it does not exist; otherwise the file is read.
    bool append = false;
};

struct permissions {
    // The program that a graceful restart starts. A newer version is installed under the same path.
    std::string program;
    // The ports that control connections arrive on.
    std::vector<std::uint16_t> control_ports{};
    // The ports that the configuration names for passive data connections.
    std::vector<port_range> data_ports{};
    // Their numbers are their places here.
    std::vector<permitted_file> files{};
    // Openings in the kernel.
    bool openings = false;
    // What a router intercepts.
    std::optional<firewall::interception_settings> interception{};
};

}  // namespace sallyport::helper
