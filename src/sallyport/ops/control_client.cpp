#include <sallyport/ops/control_client.hpp>

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {
namespace {

[[nodiscard]] result<unique_fd> connect_to(const std::string& socket, std::chrono::seconds wait) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (socket.size() >= sizeof at.sun_path) return fail(errc::too_long, fmt::format("{}: the path is too long", socket));
    socket.copy(at.sun_path, socket.size());
    unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{.tv_sec = wait.count(), .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) return fd;
    const int os = errno;
    const auto* next = os == ENOENT         ? "start it, or name its control socket"
                       : os == ECONNREFUSED ? "the one that made the socket has ended; start it again"
                       : os == EACCES       ? "if it belongs to another user, use that user or root"
                                            : "check the daemon";
    return fail_os(os, fmt::format("no daemon is running at {}; {}", socket, next));
}

}  // namespace

result<boost::json::object> read_control_answer(std::string_view line) {
    boost::system::error_code wrong;
    auto value = boost::json::parse(line, wrong);
    if (wrong || !value.is_object()) return fail(errc::unexpected, "the answer is no JSON object");
    auto& answer = value.get_object();
    const auto* refused = answer.if_contains("error");
    if (refused == nullptr) return std::move(answer);
    if (!refused->is_string()) return fail(errc::unexpected, "the error in the answer is no text");
    return fail(errc::rejected, std::string(refused->get_string()));
}

result<boost::json::object> send_control_request(const std::string& socket, const boost::json::object& request,
                                                 std::chrono::seconds wait) {
    auto fd = connect_to(socket, wait);
    if (!fd) return std::unexpected(fd.error());
    const auto failed = [&](int os) {
        if (os == EAGAIN) return fail(errc::timeout, fmt::format("{}: no answer within {} s", socket, wait.count()));
        return fail_os(os, socket);
    };
    const std::string line = boost::json::serialize(request) + '\n';
    if (::send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return failed(errno);
    std::string answer;
    std::array<char, 65536> block;
    while (!answer.ends_with('\n')) {
        const auto n = ::recv(fd->get(), block.data(), block.size(), 0);
        if (n < 0) return failed(errno);
        if (n == 0) return fail(errc::closed, fmt::format("{}: the daemon exited before it answered", socket));
        answer.append(block.data(), static_cast<std::size_t>(n));
    }
    auto read = read_control_answer(answer);
    if (!read && read.error().code == errc::unexpected)
        return fail(errc::unexpected, fmt::format("{}: {}; is it another program's socket?", socket, read.error().what));
    return read;
}

}  // namespace sallyport::ops
