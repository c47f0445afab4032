#include <sallyport/reach/address_rule.hpp>

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::reach {
namespace {

constexpr std::string_view host_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

std::unexpected<error> refusal(std::string_view rule, std::string_view why) {
    return fail(errc::syntax, fmt::format("external address {}: {}", rule, why));
}

}  // namespace

bool address_rule::add_condition(std::string_view text) {
    if (text == "tls" || text == "plain") {
        if (tls) return false;
        tls = text == "tls";
        return true;
    }
    if (const auto network = ip_network::parse(text); network && !clients) {
        clients = network;
        return true;
    }
    if (const auto at = endpoint::parse(text); at && !reached) {
        reached = at;
        return true;
    }
    return false;
}

result<address_rule> address_rule::parse(std::string_view text) {
    address_rule out;
    const auto equals = text.rfind('=');
    auto conditions = equals == std::string_view::npos ? std::string_view() : text.substr(0, equals);
    while (equals != std::string_view::npos) {
        const auto comma = conditions.find(',');
        const auto one = conditions.substr(0, comma);
        if (!out.add_condition(one))
            return refusal(text,
                           fmt::format("\"{}\" is no condition, or a second one of its kind; give a network of clients "
                                       "(10.0.0.0/8), where they connect to (192.0.2.1:990 or :990), tls or plain",
                                       one));
        if (comma == std::string_view::npos) break;
        conditions.remove_prefix(comma + 1);
    }
    const auto what = equals == std::string_view::npos ? text : text.substr(equals + 1);
    if (what == "reached") return out;
    if (const auto literal = ip_address::parse(what); literal && !literal->is_v4())
        return refusal(text, "a 227 reply has room for an IPv4 address only; over IPv6 clients use EPSV, which names none");
    if (what.empty() || what.find_first_not_of(host_characters) != std::string_view::npos)
        return refusal(text, "give an IPv4 address, a host name, or \"reached\" for the address that the client reached");
    out.address = what;
    return out;
}

bool address_rule::holds_for(const visitor& v) const noexcept {
    if (clients && !clients->contains(v.client)) return false;
    if (tls && *tls != v.tls) return false;
    if (!reached) return true;
    return reached->port == v.reached.port && (reached->address.is_unspecified() || reached->address == v.reached.address);
}

std::vector<address_rule> by_precedence(std::vector<address_rule> rules) {
    const auto rank = [](const address_rule& r) {
        const auto conditions = int{r.clients.has_value()} + int{r.reached.has_value()} + int{r.tls.has_value()};
        return std::tuple(r.clients ? r.clients->prefix() : 0U, conditions);
    };
    std::vector<address_rule> ordered;
    for (auto& rule : rules)
        ordered.insert(std::ranges::upper_bound(ordered, rank(rule), std::ranges::greater(), rank), std::move(rule));
    return ordered;
}

}  // namespace sallyport::reach
