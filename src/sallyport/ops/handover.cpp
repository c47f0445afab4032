#include <sallyport/ops/handover.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/helper/packet.hpp>
#include <sallyport/helper/successor.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::ops {
namespace {

[[nodiscard]] std::string extract_variable(const char* name) {
    const char* const found = std::getenv(name);
    std::string out = found == nullptr ? "" : found;
    ::unsetenv(name);
    return out;
}

[[nodiscard]] std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> out;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, at);) out.push_back(part);
    return out;
}

[[nodiscard]] bool is_listening_tcp(int fd) noexcept {
    return net::is_tcp(fd) && net::socket_option(fd, SO_ACCEPTCONN) == 1;
}

}  // namespace

void old_process::notify(std::string_view line) const {
    if (!connection_) return;
    const auto text = fmt::format("{}\n", line);
    (void)::send(connection_.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

bool old_process::return_connection(int connection) const {
    constexpr std::array<char, 1> content{};
    return connection_ && helper::send_packet(connection_.get(), content, {&connection, 1}, MSG_DONTWAIT) == 0;
}

unique_fd old_process::copy() const {
    return connection_ ? unique_fd(::fcntl(connection_.get(), F_DUPFD_CLOEXEC, 0)) : unique_fd();
}

handover_state receive_handover() {
    using namespace helper;
    const auto pid = extract_variable(pid_variable);
    const auto count = parse_decimal(extract_variable(count_variable), max_sockets);
    const auto names = split(extract_variable(names_variable), ':');
    const auto down = extract_variable(down_variable);
    handover_state out;
    // The variables are for another process that passed on its environment.
    if (!count || pid != std::to_string(::getpid())) return out;
    for (std::size_t i = 0; i < *count; ++i) {
        unique_fd fd(first_descriptor + static_cast<int>(i));
        if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) {
            // This descriptor is not open.
            (void)fd.release();
            continue;
        }
        auto name = i < names.size() ? names[i] : std::string();
        if (name == connection_name && net::socket_option(fd.get(), SO_DOMAIN) == AF_UNIX)
            out.from = old_process(std::move(fd));
        else
            out.sockets.push_back({std::move(fd), std::move(name)});
    }
    if (out.from) {
        std::istringstream words(down);
        out.down.assign(std::istream_iterator<std::string>(words), {});
    }
    return out;
}

std::vector<unique_fd> listening_sockets(std::vector<handed_socket> all) {
    std::vector<unique_fd> out;
    for (auto& socket : all) {
        if (is_listening_tcp(socket.fd.get())) {
            out.push_back(std::move(socket.fd));
            continue;
        }
        log::warning({}, fmt::format("Closed the socket \"{}\" that was handed to this process: it is not a listening TCP "
                                     "socket; use ListenStream= with an address and a port, and Accept=no",
                                     escape(socket.name, 200)));
    }
    return out;
}

result<unique_fd> receive_returned(int connection) {
    std::array<char, 1> content{};
    auto received = helper::receive_packet(connection, content, MSG_DONTWAIT);
    if (received.os == EAGAIN) return fail(errc::busy);
    if (received.descriptors.empty()) return fail(errc::closed);
    return std::move(received.descriptors.front());
}

}  // namespace sallyport::ops
