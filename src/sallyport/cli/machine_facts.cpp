#include <sallyport/cli/machine_facts.hpp>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/net/interfaces.hpp>
#include <sallyport/reach/known_ports.hpp>

namespace sallyport::cli {
namespace {

bool can_bind_low_ports() {
    std::ifstream in("/proc/self/status");
    for (std::string word; in >> word;) {
        if (word != "CapEff:") continue;
        std::uint64_t capabilities = 0;
        in >> std::hex >> capabilities;
        return (capabilities >> CAP_NET_BIND_SERVICE & 1U) != 0;
    }
    return ::geteuid() == 0;
}

std::string user_name(uid_t user) {
    const auto* const entry = ::getpwuid(user);
    return entry == nullptr ? std::to_string(user) : entry->pw_name;
}

std::string first_line(const char* file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

}  // namespace

std::vector<port_range> parse_port_list(const std::string& text) {
    std::vector<port_range> out;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');)
        if (const auto range = port_range::parse(part)) out.push_back(*range);
    return out;
}

std::vector<ip_address> local_addresses() {
    std::vector<ip_address> out;
    for (const auto& found : net::interface_addresses())
        if (!found.is_link_local() && std::ranges::find(out, found) == out.end()) out.push_back(found);
    return out;
}

machine_facts read_machine_facts() {
    machine_facts out{.now = ::time(nullptr)};
    out.ephemeral = reach::ephemeral_range();
    out.reserved = parse_port_list(first_line("/proc/sys/net/ipv4/ip_local_reserved_ports"));
    std::istringstream start(first_line("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
    if (std::uint16_t first = 0; start >> first) out.first_unprivileged = first;
    out.can_bind_low = can_bind_low_ports();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY) out.descriptors = limit.rlim_max;
    out.user = user_name(::geteuid());
    out.addresses = local_addresses();
    return out;
}

bool is_world_readable(const std::string& file) {
    struct stat facts{};
    return ::stat(file.c_str(), &facts) == 0 && (facts.st_mode & S_IROTH) != 0;
}

shared_directory::shared_directory(const std::string& path)
    : directory_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

bool shared_directory::is_writable() const { return ::faccessat(directory_.get(), ".", W_OK | X_OK, AT_EACCESS) == 0; }

}  // namespace sallyport::cli
