#include <sallyport/helper/opening_changes.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

struct connection {
    endpoint local;
    endpoint peer;
};

/// The ends of an established TCP connection; nothing if the descriptor is none.
[[nodiscard]] std::optional<connection> connection_of(const unique_fd& fd) {
    tcp_info facts{};
    socklen_t size = sizeof facts;
    if (!net::is_tcp(fd.get()) || ::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &facts, &size) != 0 ||
        facts.tcpi_state != TCP_ESTABLISHED)
        return std::nullopt;
    return connection{net::local_endpoint(fd.get()), net::peer_endpoint(fd.get())};
}

/// Whether the opening admits the peer of one connection, where it has connected to already, and forwards it to the peer of
/// the other one, from where the daemon has connected already.
[[nodiscard]] bool is_between(const firewall::opening& o, const connection& accepting, const connection& connecting) {
    return o.client == accepting.peer.address && o.listen.address == accepting.local.address &&
           o.forward_to.address == connecting.peer.address && o.source == connecting.local.address;
}

}  // namespace

opening_changes::opening_changes(const permissions& allowed, firewall::table& in) : ports_(allowed.data_ports), table_(in) {
    changes_.reserve(limits::opening_batch);
}

answer opening_changes::handle(const request& r, std::span<unique_fd> descriptors) {
    const int refused = add(r, descriptors);
    if (refused_ == 0) refused_ = refused;
    const bool is_last = r.number != 0;
    if (!is_last) return done();
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

bool opening_changes::is_permitted(const firewall::opening& o, std::span<const unique_fd> controls) const {
    const auto client = connection_of(controls[0]);
    const auto backend = connection_of(controls[1]);
    if (!client || !backend) return false;
    if (!is_between(o, *client, *backend) && !is_between(o, *backend, *client)) return false;
    const auto has = [&o](const port_range& ports) { return ports.contains(o.listen.port); };
    const bool is_data_port =
        ports_.empty() ? o.listen.port >= net::first_unprivileged_port : std::ranges::any_of(ports_, has);
    return is_data_port && o.forward_to.port >= net::first_unprivileged_port &&
           o.lifetime <= firewall::max_opening_lifetime && firewall::can_forward(o, {.v4 = true, .v6 = true}).has_value();
}

}  // namespace sallyport::helper
