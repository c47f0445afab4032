#include <sallyport/frontend/failed_data.hpp>

namespace sallyport::frontend {

using diagnosis::data_failure;

// In single-port mode the connection is distinguished from those of other sessions only once the transfer has started, and
// one that the kernel forwards does not arrive here.
std::optional<diagnosis::failed_data> abandoned(const std::optional<passive_offer>& offer,
                                                const reach::port_reservation& port) {
    if (!offer || !port || port.is_forwarded() || port.identified_by_tls() || port.identified_by_silence()) return {};
    if (port.has_connection()) return {};
    return diagnosis::failed_data{.how = data_failure::abandoned,
                                  .method = offer->method,
                                  .peer = offer->client,
                                  .address = offer->advertised,
                                  .waited = waited_since(offer->at),
                                  .others = port.unexpected_peers()};
}

std::optional<diagnosis::failed_data> refused(const std::optional<proto::data_request>& request, const ip_address& client) {
    if (!request || !request->target.address.is_private() || client.is_private()) return {};
    return diagnosis::failed_data{
        .how = data_failure::private_target, .method = request->method, .peer = client, .address = request->target};
}

std::optional<diagnosis::failed_data> no_port(proto::data_method method, const ip_address& client, const error& why) {
    if (why.code != errc::exhausted) return {};
    return diagnosis::failed_data{.how = data_failure::no_port, .method = method, .peer = client, .detail = why.text()};
}

bool is_bind_failure(const error& why) noexcept { return why.code == errc::permission || why.code == errc::exhausted; }

data_failure failure_of(const error& why) noexcept {
    using enum data_failure;
    if (is_bind_failure(why)) return cannot_bind;
    if (why.code == errc::refused) return refused;
    return why.code == errc::timeout ? timed_out : unreachable;
}

proto::data_sources sources_at(const reach::port_reservation& port, const std::optional<endpoint>& last) {
    if (!port) return {last, {}};
    return {port.waiting_peer(), port.unexpected_peers()};
}

std::string count_failed_data(status::failed_data_table& counts, const diagnosis::failed_data& seen) {
    const auto found = diagnosis::judge(seen);
    counts.add(found.id, diagnosis::name(found.side), seen.peer, status::failed_data_table::clock::now(),
               seen.on_backend_leg);
    return diagnosis::log_line(seen, found);
}

std::chrono::milliseconds waited_since(net::deadline since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - since);
}

}  // namespace sallyport::frontend
