#pragma once
// What this host does with the ports of an FTP server: its sockets, its packet filter, its connection tracking. Nothing is
// changed or stopped. The caller's thread reads files of /proc and runs nft and iptables-save; what needs rights that this
// process lacks is named in `not_measured`. Functions on values; any thread.

#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/diagnosis/server_facts.hpp>
#include <sallyport/diagnosis/server_watch.hpp>
#include <sallyport/firewall/conflicting_rules.hpp>

namespace sallyport::doctor {

/// The sockets of a table such as /proc/net/tcp.
struct socket_table {
    std::vector<endpoint> listening;
    // The inodes of these, in the same order.
    std::vector<std::uint64_t> inodes;
    // With their states; `ms` is not set.
    std::vector<diagnosis::watched_connection> connections;
};
/// Any text is read; lines of another form are left out.
[[nodiscard]] socket_table read_socket_table(std::string_view text, bool v4);

/// The kernel's setting by which FTP helpers are assigned without any rule, if it is on.
[[nodiscard]] std::optional<firewall::conflicting_rule> automatic_helpers();

/// Adds what this host knows. The configuration of the server is in `to` already.
void add_host_facts(diagnosis::server_facts& to);

}  // namespace sallyport::doctor
