#include <sallyport/reach/client_condition.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace sallyport::reach {

bool client_condition::add(std::string_view text) {
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

result<client_condition> client_condition::parse(std::string_view text) {
    client_condition out;
    for (;;) {
        const auto comma = text.find(',');
        const auto one = text.substr(0, comma);
        if (!out.add(one))
            return fail(errc::syntax,
                        fmt::format("\"{}\" is no condition, or a second one of its kind; give a network of clients "
                                    "(10.0.0.0/8), where they connect to (192.0.2.1:990 or :990), tls or plain",
                                    one));
        if (comma == std::string_view::npos) return out;
        text.remove_prefix(comma + 1);
    }
}

bool client_condition::holds_for(const visitor& v) const noexcept {
    if (clients && !clients->contains(v.client)) return false;
    if (tls && *tls != v.tls) return false;
    if (!reached) return true;
    return reached->port == v.reached.port && (reached->address.is_unspecified() || reached->address == v.reached.address);
}

bool any_holds(const std::vector<client_condition>& conditions, const visitor& v) noexcept {
    return std::ranges::any_of(conditions, [&](const auto& c) { return c.holds_for(v); });
}

}  // namespace sallyport::reach
