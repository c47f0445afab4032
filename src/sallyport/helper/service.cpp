#include <sallyport/helper/service.hpp>

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <sallyport/base/ports.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

[[nodiscard]] std::size_t descriptors_of(request_kind kind) noexcept {
    using enum request_kind;
    if (kind == connect_from_low_port) return 2;
    return kind == bind_port || kind == client_socket || kind == translation_of ? 1 : 0;
}

}  // namespace

made_table make_table(const permissions& allowed) {
    // Before there is a table of ours, which would keep it from removing anything.
    if (allowed.openings || allowed.interception) (void)firewall::remove_leftovers();
    if (!allowed.openings)
        return fail_os(EPERM,
                       "the configuration with which this daemon started has no openings; use the command \"restart\"");
    const std::set ports(allowed.control_ports.begin(), allowed.control_ports.end());
    return firewall::nft_table::make(std::vector(ports.begin(), ports.end()));
}

answer service::handle(const request& r, std::span<unique_fd> descriptors) {
    if (descriptors.size() != descriptors_of(r.kind)) return refuse(EINVAL);
    switch (r.kind) {
        case request_kind::connect_from_low_port:
            return connect_from_low_port(r, descriptors[0].get(), descriptors[1].get());
        case request_kind::open_file: return open_file(r);
        case request_kind::bind_port: return bind_port(r, descriptors[0].get());
        case request_kind::find_table: return openings_ ? done((*openings_)->missing()) : refuse(openings_.error());
        case request_kind::remaining_time:
        case request_kind::use_of_opening: return query(r);
        case request_kind::listen_transparent: return interceptor_.listen(r.number, r.target.family == 4);
        case request_kind::start_interception: return interceptor_.start();
        case request_kind::dropped_requests: return interceptor_.dropped_requests();
        case request_kind::end_interception: return interceptor_.end();
        case request_kind::client_socket: return interceptor_.client_socket(descriptors[0].get());
        case request_kind::translation_of: return interceptor_.translation_of(descriptors[0].get());
        default: return refuse(EINVAL);
    }
}

answer service::handle_passing(const request& r, std::span<unique_fd> descriptors) {
    if (descriptors.size() != (r.kind == request_kind::pass_ports ? 2U : 0U)) return refuse(EINVAL);
    switch (r.kind) {
        case request_kind::pass_ports: return interceptor_.pass_ports(r.number, descriptors[0].get(), descriptors[1].get());
        case request_kind::end_passing: return interceptor_.end_passing(r.number);
        case request_kind::passed_data_moved: return interceptor_.passed_data_moved(r.number);
        default: return refuse(EINVAL);
    }
}

// The control connection is asked, so the daemon can reach no host but the peers of its own connections, and no service.
answer service::connect_from_low_port(const request& r, int control, int data) const {
    const auto target = r.target.value();
    if (!target) return refuse(EINVAL);
    if (!net::is_tcp(control) || !net::is_tcp(data) || net::local_endpoint(data).port != 0) return refuse(EPERM);
    auto from = net::local_endpoint(control);
    const auto peer = net::peer_endpoint(control);
    if (std::ranges::find(allowed_.control_ports, from.port) == allowed_.control_ports.end() || from.port < 2 ||
        peer.port == 0)
        return refuse(EPERM);
    if (target->address != peer.address || target->port < first_unprivileged_port) return refuse(EPERM);
    --from.port;
    net::set_option(data, SOL_SOCKET, SO_REUSEADDR, 1);
    const net::socket_address local(from);
    if (::bind(data, local.data(), local.length()) != 0) return refuse(errno);
    // Connecting must not wait, whatever the flags of the socket are.
    ::fcntl(data, F_SETFL, O_NONBLOCK);
    const net::socket_address to(*target);
    return ::connect(data, to.data(), to.length()) == 0 || errno == EINPROGRESS ? done() : refuse(errno);
}

// Only regular files: opening anything else may wait, or have an effect. The directory of a log may belong to the user of
// the daemon, who must not lead the helper to another file by a link.
answer service::open_file(const request& r) const {
    if (r.number >= allowed_.files.size()) return refuse(EPERM);
    const auto& [path, append] = allowed_.files[r.number];
    const int flags = (append ? O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    answer out{.text = {}, .descriptor = unique_fd(::open(path.c_str(), flags, 0640))};
    struct stat facts{};
    if (!out.descriptor || ::fstat(out.descriptor.get(), &facts) != 0) return refuse(errno);
    return S_ISREG(facts.st_mode) ? std::move(out) : refuse(EPERM);
}

// The ports of control connections are bound before the daemon gives up its rights.
answer service::bind_port(const request& r, int socket) const {
    const auto at = r.target.value();
    if (!at || at->port == 0) return refuse(EINVAL);
    if (!net::is_tcp(socket) || net::local_endpoint(socket).port != 0 ||
        std::ranges::none_of(allowed_.data_ports, [&](const port_range& ports) { return ports.contains(at->port); }))
        return refuse(EPERM);
    const net::socket_address address(*at);
    return ::bind(socket, address.data(), address.length()) == 0 ? done() : refuse(errno);
}

answer service::query(const request& r) const {
    const auto subject = r.subject.value();
    if (!subject) return refuse(EINVAL);
    if (!openings_) return refuse(EPERM);
    if (r.kind == request_kind::use_of_opening) return done(static_cast<std::int32_t>((*openings_)->use_of(*subject)));
    const auto left = (*openings_)->remaining(*subject);
    return done(left ? static_cast<std::int32_t>(left->count()) : -1);
}

}  // namespace sallyport::helper
