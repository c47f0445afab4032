#include <sallyport/doctor/watch.hpp>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include <sallyport/doctor/server_host.hpp>

namespace sallyport::doctor {

result<void> add_connections(diagnosis::server_watch& to, std::chrono::milliseconds at) {
    for (const bool v4 : {true, false}) {
        const std::string name = v4 ? "/proc/net/tcp" : "/proc/net/tcp6";
        std::ifstream file(name);
        // A system without IPv6 has no table for it.
        if (!file && v4) return fail_os(errno, name);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        for (const auto& c : read_socket_table(text, v4).connections) to.add(c.local, c.remote, c.state, at.count());
    }
    return {};
}

}  // namespace sallyport::doctor
