#pragma once
// Facts about the machine that a daemon starts on: limits, ports, addresses, access to its directory. Values; any thread.

#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {

struct machine_facts {
    /// Seconds since 1970.
    std::int64_t now = 0;
    /// The system's range for outgoing connections; {0, 0}: not known.
    port_range ephemeral{};
    /// Ports of that range that the system does not use (ip_local_reserved_ports).
    std::vector<port_range> reserved{};
    /// Listening on a lower port requires a privilege.
    std::uint16_t first_unprivileged = 1024;
    /// This process has that privilege.
    bool can_bind_low = true;
    /// Hard limit of file descriptors of this process; 0: not known.
    std::uint64_t descriptors = 0;
    /// The user that this process runs as: its name, or its number if it has none.
    std::string user{};
    /// Addresses of the interfaces.
    std::vector<ip_address> addresses{};
};

[[nodiscard]] machine_facts read_machine_facts();

/// "8080,9148,30000-30099", as in net.ipv4.ip_local_reserved_ports.
[[nodiscard]] std::vector<port_range> parse_port_list(const std::string& text);

/// The addresses of the interfaces, including loopback, without link-local ones.
[[nodiscard]] std::vector<ip_address> local_addresses();

/// Whether users other than owner and group can read the file. False if it cannot be inspected.
[[nodiscard]] bool is_world_readable(const std::string& file);

/// A directory that stays open, since its path may lead through directories that are closed to the user that this process
/// becomes.
class shared_directory {
public:
    explicit shared_directory(const std::string& path);
    /// Whether this process may create files in it now.
    [[nodiscard]] bool is_writable() const;

private:
    unique_fd directory_;
};

}  // namespace sallyport::cli
