#include <sallyport/proto/data_negotiation.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/ports.hpp>
#include <sallyport/proto/client_channel.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::proto {

/// Ports below 1024 belong to services that a hostile server may want a client to connect to (CL-01). Some servers use the
/// FTP ports and 443 intentionally, for clients whose firewall allows only these (G8).
bool may_carry_data(std::uint16_t port) noexcept {
    return port >= first_unprivileged_port || port == 20 || port == 21 || port == 443 || port == 989 || port == 990;
}

namespace {

/// Whether the address in the 227 is used.
bool follows(const client_settings& s, const ip_address& named) noexcept {
    switch (s.address_rule) {
        case passive_address::control: return false;
        case passive_address::follow: return true;
        case passive_address::repair: break;
    }
    const auto& peer = s.peer.address;
    if (peer.is_public()) return named.is_public();
    return !named.is_unspecified() && !named.is_multicast() && named.is_loopback() == peer.is_loopback();
}

}  // namespace

result<endpoint> advertised_endpoint(data_method m, const ip_address& peer, const reply& r) {
    const bool extended = m == data_method::epsv;
    if (r.code != (extended ? 229 : 227))
        return sallyport::fail(errc::unexpected, "unexpected reply to the passive command: " + summary(r));
    if (!extended) {
        auto named = search_lines(r, parse_227);
        return named ? std::move(named) : sallyport::fail(named.error().code, "no address in the reply: " + summary(r));
    }
    const auto port = search_lines(r, parse_229);
    if (!port) return sallyport::fail(port.error().code, "no port in the reply: " + summary(r));
    return endpoint{peer, *port};
}

bool data_negotiation::skips(const client_settings& s, data_method m) const noexcept {
    return (only_ipv4(m) && s.peer.address.is_v6()) || failed_methods_.contains(m);
}

bool data_negotiation::choose(const client_settings& s, std::size_t from) {
    at_ = from;
    while (at_ < s.methods.size() && skips(s, s.methods[at_])) ++at_;
    if (at_ == s.methods.size()) return false;
    attempts_.push_back(data_attempt{.method = s.methods[at_]});
    return true;
}

bool data_negotiation::start(const client_settings& s) {
    const auto usable = [&](data_method m) { return !skips(s, m); };
    // If all methods have failed, each may be tried again.
    if (std::ranges::none_of(s.methods, usable)) failed_methods_ = {};
    return choose(s, 0);
}

bool data_negotiation::fail(const client_settings& s, error why, bool for_session) {
    const data_method m = method();
    attempts_.back().failure = std::move(why);
    if (for_session) failed_methods_.insert(m);
    return choose(s, at_ + 1);
}

result<void> data_negotiation::on_passive_reply(const client_settings& s, const reply& r) {
    auto& attempt = attempts_.back();
    const auto named = advertised_endpoint(attempt.method, s.peer.address, r);
    if (!named) return std::unexpected(named.error());
    attempt.advertised = *named;
    if (!may_carry_data(attempt.advertised.port))
        return sallyport::fail(errc::not_allowed, "port below 1024 in the reply: " + summary(r));
    const bool follows_reply = attempt.method == data_method::pasv && follows(s, attempt.advertised.address);
    attempt.target = follows_reply ? attempt.advertised : endpoint{s.peer.address, attempt.advertised.port};
    attempt.accepted = true;
    return {};
}

result<std::string> data_negotiation::active_argument(const client_settings& s, const endpoint& at) {
    const endpoint announced{s.active_address.value_or(at.address), at.port};
    attempts_.back().target = announced;
    if (method() == data_method::eprt) return format_eprt(announced);
    if (announced.address.is_v6()) return sallyport::fail(errc::unsupported, "PORT cannot name an IPv6 address");
    return format_host_port(announced);
}

bool data_negotiation::pasv_can_follow(const client_settings& s) const noexcept {
    const auto next = at_ + 1;
    return method() == data_method::epsv && next < s.methods.size() && s.methods[next] == data_method::pasv &&
           !skips(s, data_method::pasv);
}

std::chrono::milliseconds data_negotiation::patience(const client_settings& s,
                                                     std::chrono::milliseconds before_pasv) const noexcept {
    if (!pasv_can_follow(s)) return s.data_open;
    return std::min(s.data_open, std::max(before_pasv, epsv_round_trips * s.round_trip));
}

}  // namespace sallyport::proto
