#include <sallyport/reach/upnp_router.hpp>

#include <utility>

#include <sallyport/reach/upnp.hpp>
#include <sallyport/reach/upnp_firewall.hpp>

namespace sallyport::reach {

net::task<result<ip_address>> upnp_router::search() {
    auto found = co_await find_upnp_service(loop_, route_);
    if (!found) co_return std::unexpected(found.error());
    service_ = std::move(*found);
    ++searches_;
    co_return co_await external_address();
}

net::task<result<ip_address>> upnp_router::external_address() {
    if (!service_) co_return fail(errc::not_found, "no UPnP service");
    if (!is_v6()) co_return co_await upnp_external_address(loop_, *service_);
    const auto checked = co_await check_upnp_firewall(loop_, *service_, route_.own);
    if (!checked) co_return std::unexpected(checked.error());
    co_return route_.own;
}

net::task<result<upnp_grant>> upnp_router::add(add_upnp_mapping wanted) {
    if (!service_) co_return fail(errc::not_found, "no UPnP service");
    if (!is_v6()) co_return co_await add_upnp(loop_, *service_, route_.own, wanted);
    const auto known = openings_.find(wanted.local_port);
    const bool is_renewable =
        known != openings_.end() && known->second.search == searches_ && net::clock::now() < known->second.ends;
    const auto number = is_renewable ? std::optional(known->second.number) : std::nullopt;
    const auto search = searches_;
    const auto ends = net::clock::now() + wanted.lease;
    const endpoint own{route_.own, wanted.local_port};
    const auto opened = co_await open_in_firewall(loop_, *service_, own, wanted.lease, number);
    if (!opened) co_return std::unexpected(opened.error());
    openings_[wanted.local_port] = {.number = *opened, .search = search, .ends = ends};
    co_return upnp_grant{.external = own, .lifetime = wanted.lease};
}

net::task<result<void>> upnp_router::remove(remove_upnp_mapping wanted) {
    if (!service_) co_return fail(errc::not_found, "the router's UPnP is not known any more");
    if (!is_v6()) co_return co_await remove_upnp(loop_, *service_, route_.own, wanted.external_port, wanted.is_granted);
    const auto known = openings_.find(wanted.local_port);
    // What the router has not confirmed ends with its lease.
    if (known == openings_.end()) co_return result<void>{};
    // The router may give the number to another opening.
    const auto number = known->second.number;
    openings_.erase(known);
    co_return co_await close_in_firewall(loop_, *service_, route_.own, number);
}

bool upnp_router::has_restarted(std::string_view notification) {
    const auto place = read_notification(notification, route_.gateway);
    // A router may have other devices, with descriptions of their own.
    if (!place || !service_ || place->description.path != service_->place.description.path || *place == service_->place)
        return false;
    service_->place = *place;
    return true;
}

}  // namespace sallyport::reach
