#include <sallyport/helper/interceptor.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/helper/permissions.hpp>
#include <sallyport/helper/session_connection.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

/// A TCP socket that may have addresses of other hosts, bound to this address; empty with errno.
[[nodiscard]] unique_fd transparent_socket(const endpoint& at) {
    const bool v4 = at.address.is_v4();
    unique_fd out(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const net::socket_address address(at);
    if (out && (!net::set_option(out.get(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) ||
                ::bind(out.get(), address.data(), address.length()) != 0)) {
        const int reason = errno;
        out.reset();
        errno = reason;
    }
    return out;
}

}  // namespace

answer interceptor::listen(std::size_t number, bool v4) {
    if (number >= settings_.interceptions.size()) return refuse(EPERM);
    auto& port = settings_.interceptions[number].listeners.of(v4);
    if (table_ || port != 0) return refuse(EPERM);
    answer out{.text = {}, .descriptor = transparent_socket(firewall::interception_listener(v4, 0))};
    if (!out.descriptor || ::listen(out.descriptor.get(), SOMAXCONN) != 0) return refuse(errno);
    port = net::local_endpoint(out.descriptor.get()).port;
    return out;
}

interceptor::~interceptor() {
    if (table_ && !ended_) table_->keep_blocking();
}

answer interceptor::end() {
    ended_ = true;
    return done();
}

answer interceptor::start() {
    if (table_ || settings_.interceptions.empty()) return refuse(EPERM);
    if (const auto chosen = firewall::choose_free_numbers(settings_); !chosen) return refuse(chosen.error());
    auto started = firewall::interception_table::start(settings_);
    if (!started) return refuse(started.error());
    table_ = std::move(*started);
    started_ = table_.get();
    return done();
}

// The connection is intercepted, and its session's other one is with the server that the client has connected to.
answer interceptor::pass_ports(std::size_t interception, int client, int backend) {
    auto* const table = started_.load();
    if (table == nullptr || interception >= settings_.interceptions.size() ||
        settings_.interceptions[interception].passed_ports.first == 0)
        return refuse(EPERM);
    const auto session = session_connection::of(client);
    const auto other = session_connection::of(backend);
    if (!session || !other || !net::is_transparent(client) || session->local.address != other->peer.address)
        return refuse(EPERM);
    if (passing_.size() >= max_openings) return refuse(ENOSPC);
    const passing_session wanted{interception, session->peer.address, other->peer.address};
    if (sessions_with(wanted) == 0) {
        if (const auto added = table->change_passing(interception, true, wanted.client, wanted.server); !added)
            return refuse(added.error());
    }
    passing_.emplace(++last_passing_, passed_session{wanted});
    return done(static_cast<std::int32_t>(last_passing_));
}

std::ptrdiff_t interceptor::sessions_with(const passing_session& peers) const {
    return std::ranges::count_if(passing_, [&peers](const auto& each) { return each.second.peers == peers; });
}

answer interceptor::end_passing(std::uint32_t number) {
    const auto found = passing_.find(number);
    if (found == passing_.end()) return refuse(EINVAL);
    const auto& ended = found->second.peers;
    if (sessions_with(ended) == 1) {
        const auto removed = started_.load()->change_passing(ended.interception, false, ended.client, ended.server);
        // The administrator may have emptied the set, or deleted the table.
        if (!removed && removed.error().os != ENOENT) return refuse(removed.error());
    }
    passing_.erase(found);
    return done();
}

// Each packet of a connection postpones the time at which the kernel forgets it; the end of a connection brings it forward.
// Counters would need a setting of the system (nf_conntrack_acct).
answer interceptor::passed_data_moved(std::uint32_t number) {
    // The kernel reports whole seconds.
    constexpr std::chrono::milliseconds same_time(1500);
    const auto found = passing_.find(number);
    if (found == passing_.end()) return refuse(EINVAL);
    auto& [peers, before] = found->second;
    if (!passing_tracking_) {
        auto opened = firewall::conntrack::open();
        if (!opened) return refuse(opened.error());
        passing_tracking_.emplace(std::move(*opened));
    }
    const auto connections = passing_tracking_->between(peers.client, peers.server);
    if (!connections) return refuse(connections.error());
    const auto now = std::chrono::steady_clock::now();
    const auto& ports = settings_.interceptions[peers.interception].passed_ports;
    bool moved = false;
    std::optional<std::chrono::steady_clock::time_point> last;
    for (const auto& c : *connections) {
        if (!c.assured || !ports.contains(c.original.destination.port)) continue;
        moved = moved || c.offloaded;
        last = std::max(last, std::optional(now + c.expires_in));
    }
    moved = moved || (last && (!before || std::chrono::abs(*last - *before) > same_time));
    before = last;
    return done(moved ? 1 : 0);
}

answer interceptor::dropped_requests() const {
    if (!table_) return refuse(EPERM);
    const auto dropped = table_->dropped_requests();
    if (!dropped) return refuse(dropped.error());
    return done(static_cast<std::int32_t>(*dropped));
}

// Only an intercepted connection has IP_TRANSPARENT, which it has from its listener: the daemon has no right to set it.
answer interceptor::client_socket(int control) const {
    const auto session = session_connection::of(control);
    if (settings_.interceptions.empty() || !session || !net::is_transparent(control)) return refuse(EPERM);
    answer out{.text = {}, .descriptor = transparent_socket({session->peer.address, 0})};
    // With the client's own port, NAT could not tell the two connections apart.
    if (out.descriptor && net::local_endpoint(out.descriptor.get()).port == session->peer.port) {
        auto other = transparent_socket({session->peer.address, 0});
        out.descriptor = std::move(other);
    }
    return out.descriptor ? std::move(out) : refuse(errno);
}

answer interceptor::translation_of(int backend) {
    if (settings_.interceptions.empty() || !session_connection::of(backend)) return refuse(EPERM);
    const auto seen = translated_address(backend, tracking_);
    if (!seen) return refuse(seen.error());
    auto out = done();
    out.text.address = wire_endpoint::of({*seen, 0});
    return out;
}

}  // namespace sallyport::helper
