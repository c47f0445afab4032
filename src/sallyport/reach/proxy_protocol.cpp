#include <sallyport/reach/proxy_protocol.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <fmt/format.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::reach {
namespace {

net::task<result<proto::proxy_header>> receive(net::descriptor& socket, net::deadline deadline) {
    using state = proto::parsed_proxy_header::state;
    std::string bytes;
    std::array<char, limits::max_proxy_header> buffer;
    auto reading = proto::parse_proxy_header(bytes);
    while (reading.status == state::need_more) {
        const auto got = ::recv(socket.get(), buffer.data(), std::min(reading.bytes, buffer.size()), 0);
        if (got > 0) {
            bytes.append(buffer.data(), static_cast<std::size_t>(got));
            reading = proto::parse_proxy_header(bytes);
        } else if (got == 0) {
            co_return fail(bytes.empty() ? errc::closed : errc::truncated, "before its PROXY header was complete");
        } else if (errno == EAGAIN) {
            const auto waited = co_await socket.readable(deadline);
            if (waited == net::wait_result::timeout) co_return fail(errc::timeout, "waiting for its PROXY header");
            if (waited == net::wait_result::cancelled) co_return fail(errc::cancelled);
        } else if (errno != EINTR) {
            co_return fail_os(errno);
        }
    }
    if (reading.status == state::bad)
        co_return fail(errc::syntax,
                       "no PROXY header at its beginning (let it send one, or remove it from --proxy-protocol-from)");
    co_return reading.header;
}

}  // namespace

bool trusted_proxies::is_trusted(const ip_address& a) const noexcept {
    return std::ranges::any_of(networks, [&](const ip_network& n) { return n.contains(a); });
}

net::task<result<proto::proxy_header>> read_proxy_header(net::loop& loop, net::accepted_connection& connection) {
    net::descriptor socket(loop, std::move(connection.socket));
    auto header = co_await receive(socket, net::clock::now() + limits::proxy_header_timeout);
    if (!header) co_return header;
    connection.socket = socket.release();
    if (header->proxied) connection.peer = header->source;
    co_return header;
}

}  // namespace sallyport::reach
