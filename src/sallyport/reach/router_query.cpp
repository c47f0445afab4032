#include <sallyport/reach/router_query.hpp>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/nat_pmp.hpp>
#include <sallyport/reach/pcp.hpp>

namespace sallyport::reach {
namespace {

/// Reads an answer into `out`. False: it is none.
using answer_reader = bool (*)(datagram_view bytes, router_answer& out);

bool read_pcp(datagram_view bytes, router_answer& out) {
    const auto got = parse_pcp(bytes);
    if (!got && got.error().code != errc::unsupported) return false;
    if (!got) {
        out.problem = got.error().what;
        return true;
    }
    out.is_spoken = true;
    out.lacks_address = got->code == pcp_result::network_failure || got->code == pcp_result::address_mismatch;
    if (got->code != pcp_result::success) out.problem = describe(got->code);
    return true;
}

bool read_nat_pmp(datagram_view bytes, router_answer& out) {
    const auto got = parse_nat_pmp(bytes);
    if (!got && got.error().code != errc::unsupported) return false;
    if (!got) {
        out.problem = got.error().what;
        return true;
    }
    if (got->operation != nat_pmp_operation::address) return false;
    out.is_spoken = true;
    out.external = got->address;
    out.lacks_address = got->code == nat_pmp_result::network_failure || (got->address && got->address->is_unspecified());
    if (out.lacks_address) out.external.reset();
    if (got->code != nat_pmp_result::success) out.problem = describe(got->code);
    return true;
}

/// True if an answer was read, or if the router has refused the question.
bool receive(int socket, answer_reader read, router_answer& out) {
    std::array<std::uint8_t, max_pcp_message> buffer;
    for (;;) {
        const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == ECONNREFUSED) {
            out.problem = fmt::format("port {} of the router is closed", router_port);
            return true;
        }
        if (size < 0) return false;
        if (read(datagram_view(buffer).first(static_cast<std::size_t>(size)), out)) return true;
    }
}

net::task<router_answer> ask(net::loop& loop, datagram question, answer_reader read, ip_address own, ip_address router,
                             router_answer out) {
    auto socket = open_router_socket({.gateway = router, .own = own, .interface = {}});
    if (!socket) {
        out.problem = socket.error().text();
        co_return out;
    }
    net::descriptor waiting(loop, std::move(*socket));
    net::clock::duration pause = limits::first_router_wait;
    for (int i = 0; i < limits::router_tries; ++i, pause *= 2) {
        // An error of the previous question would be reported here; the answer is read below.
        (void)::send(waiting.get(), question.data(), question.size(), 0);
        const auto until = net::clock::now() + pause;
        do {
            if (receive(waiting.get(), read, out)) co_return out;
        } while (co_await waiting.readable(until) == net::wait_result::ready);
    }
    out.problem = "no answer";
    co_return out;
}

}  // namespace

result<unique_fd> open_router_socket(const default_route& route) {
    const net::socket_address from({route.own, 0});
    const net::socket_address to({route.gateway, router_port});
    unique_fd out(::socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const bool is_connected =
        out && ::bind(out.get(), from.data(), from.length()) == 0 && ::connect(out.get(), to.data(), to.length()) == 0;
    if (!is_connected) return fail_os(errno, fmt::format("cannot open a UDP socket to router {}", route.gateway.text()));
    return out;
}

net::task<router_answer> ask_router_by_pcp(net::loop& loop, ip_address own, ip_address router) {
    return ask(loop, encode_pcp_announce(own), &read_pcp, own, router, {.protocol = mapping_protocol::pcp});
}

net::task<router_answer> ask_router_by_nat_pmp(net::loop& loop, ip_address own, ip_address router) {
    return ask(loop, encode_nat_pmp_address_request(), &read_nat_pmp, own, router, {.protocol = mapping_protocol::natpmp});
}

}  // namespace sallyport::reach
