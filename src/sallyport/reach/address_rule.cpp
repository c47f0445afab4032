#include <sallyport/reach/address_rule.hpp>

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::reach {
namespace {

constexpr std::string_view host_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

std::unexpected<error> refusal(std::string_view rule, std::string_view reason) {
    return fail(errc::syntax, fmt::format("external address {}: {}", rule, reason));
}

}  // namespace

result<address_rule> address_rule::parse(std::string_view text) {
    address_rule out;
    const auto equals = text.rfind('=');
    if (equals != std::string_view::npos) {
        auto condition = client_condition::parse(text.substr(0, equals));
        if (!condition) return refusal(text, condition.error().what);
        static_cast<client_condition&>(out) = *condition;
    }
    const auto address = equals == std::string_view::npos ? text : text.substr(equals + 1);
    if (address == "client-destination") return out;
    if (const auto literal = ip_address::parse(address); literal && !literal->is_v4())
        return refusal(
            text, "a 227 reply can carry an IPv4 address only; over IPv6, clients use EPSV, whose reply has no address");
    if (address.empty() || address.find_first_not_of(host_characters) != std::string_view::npos)
        return refusal(
            text,
            "use an IPv4 address, a host name, client-destination for the address that the client connected to, or auto for "
            "the external address of the router");
    out.address = address;
    return out;
}

std::vector<address_rule> by_precedence(std::vector<address_rule> rules) {
    const auto rank = [](const address_rule& r) {
        const auto conditions = int{r.clients.has_value()} + int{r.client_destination.has_value()} + int{r.tls.has_value()};
        return std::tuple(r.clients ? r.clients->prefix() : 0U, conditions);
    };
    std::vector<address_rule> ordered;
    for (auto& rule : rules)
        ordered.insert(std::ranges::upper_bound(ordered, rank(rule), std::ranges::greater(), rank), std::move(rule));
    return ordered;
}

}  // namespace sallyport::reach
