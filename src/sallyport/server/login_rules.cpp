#include <sallyport/server/login_rules.hpp>

#include <algorithm>

namespace sallyport::server {

result<void> check_login_rules(const login_rules& rules, const ip_address& client, bool tls, std::int64_t now) {
    const auto is_in = [&client](const std::vector<ip_network>& networks) {
        return std::ranges::any_of(networks, [&client](const ip_network& n) { return n.contains(client); });
    };
    if (is_in(rules.refuse_from) || (!rules.allow_from.empty() && !is_in(rules.allow_from)))
        return fail(errc::login_refused, "the account may not log in from this address");
    if (rules.expires && now >= *rules.expires) return fail(errc::login_refused, "the account has expired");
    if (rules.tls_required && !tls)
        return fail(errc::not_allowed, "This account requires TLS; connect with TLS (AUTH TLS), then log in again.");
    return {};
}

}  // namespace sallyport::server
