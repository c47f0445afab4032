#include <sallyport/helper/opening_changes.hpp>

#include <algorithm>
#include <cerrno>
#include <new>

#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/ports.hpp>
#include <sallyport/helper/session_connection.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

/// Whether the opening admits the peer of one connection, where it has connected to already, and forwards it to the peer of
/// the other one, from where the daemon has connected already.
[[nodiscard]] bool is_between(const firewall::opening& o, const session_connection& accepting,
                              const session_connection& connecting) {
    return o.client == accepting.peer.address && o.listen.address == accepting.local.address &&
           o.forward_to.address == connecting.peer.address && o.source == connecting.local.address;
}

/// Whether the peer of one leg of an intercepted session may connect to the other one across this machine: where that one
/// listens, or, if the backend connects, to the address that NAT has given the session's client.
[[nodiscard]] bool is_crossing(const firewall::opening& o, const session_connection& from, const session_connection& to,
                               int backend_if_from, std::optional<firewall::conntrack>& tracking) {
    if (!o.keeps_source() || o.client != from.peer.address || o.forward_to.address != to.peer.address) return false;
    if (o.listen == o.forward_to) return true;
    if (backend_if_from < 0) return false;
    const auto seen = translated_address(backend_if_from, tracking);
    return seen && *seen == o.listen.address;
}

/// Only to an address of its own can this process bind a socket without IP_TRANSPARENT.
[[nodiscard]] bool is_own_address(const ip_address& address) {
    if (address.is_unspecified() || address.is_loopback() || address.is_multicast()) return false;
    const net::socket_address local({address, 0});
    const unique_fd probe(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    return probe && ::bind(probe.get(), local.data(), local.length()) == 0;
}

/// Whether the client of an intercepted session may connect to the daemon in place of the server, so that the data are
/// relayed.
[[nodiscard]] bool is_relayed(const firewall::opening& o, const session_connection& client) {
    return o.keeps_source() && o.client == client.peer.address && o.listen.address == client.local.address &&
           is_own_address(o.forward_to.address);
}

}  // namespace

opening_changes::opening_changes(const permissions& allowed, firewall::table& in)
    : ports_(allowed.data_ports), routes_(allowed.interception.has_value()), table_(in) {
    changes_.reserve(limits::opening_batch);
}

answer opening_changes::handle(const request& r, std::span<unique_fd> descriptors) {
    int refused = ENOMEM;
    try {
        refused = add(r, descriptors);
    } catch (const std::bad_alloc&) {
        // The last change has the reply.
    }
    if (refused_ == 0) refused_ = refused;
    const bool is_last = r.number != 0;
    if (!is_last) return {.text = {}, .is_due = false};
    const auto all = std::exchange(changes_, {});
    changes_.reserve(limits::opening_batch);
    if (const int os = std::exchange(refused_, 0); os != 0) return refuse(os);
    if (const auto committed = table_.commit(all); !committed) return refuse(committed.error());
    for (const auto& [kind, subject, control] : all) {
        const key of{subject.client, subject.listen};
        if (kind == firewall::change_kind::open)
            in_force_.insert(of);
        else
            in_force_.erase(of);
    }
    return done();
}

/// The errno if the change is refused.
int opening_changes::add(const request& r, std::span<unique_fd> controls) {
    const bool opens = r.kind == request_kind::add_opening;
    if (!opens && r.kind != request_kind::add_closing) return EINVAL;
    const auto subject = r.subject.value();
    if (!subject || controls.size() != (opens ? 2U : 0U)) return EINVAL;
    if (changes_.size() >= limits::opening_batch) return ENOSPC;
    if (opens && !is_permitted(*subject, controls)) return EPERM;
    if (opens && in_force_.size() + changes_.size() >= max_openings) return ENOSPC;
    firewall::change wanted{opens ? firewall::change_kind::open : firewall::change_kind::close, *subject};
    if (opens) wanted.control = {.client = std::move(controls[0]), .backend = std::move(controls[1])};
    changes_.push_back(std::move(wanted));
    return 0;
}

bool opening_changes::is_permitted(const firewall::opening& o, std::span<const unique_fd> controls) {
    const auto client = session_connection::of(controls[0].get());
    const auto backend = session_connection::of(controls[1].get());
    if (!client || !backend) return false;
    // Only an intercepted connection has IP_TRANSPARENT.
    const bool crosses = routes_ && net::is_transparent(controls[0].get()) &&
                         (is_crossing(o, *client, *backend, -1, tracking_) ||
                          is_crossing(o, *backend, *client, controls[1].get(), tracking_) || is_relayed(o, *client));
    if (!crosses && !is_between(o, *client, *backend) && !is_between(o, *backend, *client)) return false;
    const auto has = [&o](const port_range& ports) { return ports.contains(o.listen.port); };
    const bool is_data_port =
        ports_.empty() || crosses ? o.listen.port >= first_unprivileged_port : std::ranges::any_of(ports_, has);
    return is_data_port && o.forward_to.port >= first_unprivileged_port && o.lifetime <= firewall::max_opening_lifetime &&
           firewall::can_forward(o, {.v4 = true, .v6 = true}).has_value();
}

}  // namespace sallyport::helper
