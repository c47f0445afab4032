// The choice of the data path: each reason, and the precedence among reasons.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include <sallyport/proto/data_path_choice.hpp>

namespace sallyport::proto {
namespace {

using enum data_path_reason;
using enum data_path;

[[nodiscard]] ip_address address(std::string_view text) { return *ip_address::parse(text); }

/// A passive client at a public address, a backend in the same network, everything unencrypted.
[[nodiscard]] data_path_facts plain() {
    data_path_facts f;
    f.client = address("198.51.100.7");
    f.backend = address("17.254.0.91");
    return f;
}

[[nodiscard]] data_path_facts with_kernel() {
    auto f = plain();
    f.rules.kernel = kernel_forwarding::available;
    return f;
}

[[nodiscard]] data_path_facts with_direct() {
    auto f = plain();
    f.direct = {.passive = true, .active = true};
    return f;
}

[[nodiscard]] data_path_facts with_both() {
    auto f = with_direct();
    f.rules.kernel = kernel_forwarding::available;
    return f;
}

struct row {
    std::string_view what;
    data_path_facts facts;
    data_path_choice expected;
};

[[nodiscard]] row when(std::string_view what, data_path_facts facts, auto&& change, data_path_choice expected) {
    change(facts);
    return {what, facts, expected};
}

[[nodiscard]] std::vector<row> rows() {
    const auto nothing = [](data_path_facts&) {};
    const auto active = [](data_path_facts& f) { f.client_method = data_method::port; };
    std::vector<row> out;
    const auto add = [&out](row r) { out.push_back(std::move(r)); };

    add(when("nothing enabled", plain(), nothing, {relay, nothing_else_enabled}));
    add(when("nothing enabled, TLS", plain(), [](auto& f) { f.client_data_tls = true; }, {relay, nothing_else_enabled}));
    add(when("kernel", with_kernel(), nothing, {kernel, kernel_enabled}));
    add(when("direct", with_direct(), nothing, {direct, backend_allows_direct}));
    add(when("direct before kernel", with_both(), nothing, {direct, backend_allows_direct}));
    add(when("direct, active", with_direct(), active, {direct, backend_allows_direct}));
    add(when("direct by EPSV is for the caller to refuse", with_direct(),
             [](auto& f) { f.client_method = data_method::epsv; }, {direct, backend_allows_direct}));

    for (const auto& enabled : {with_kernel(), with_direct(), with_both()}) {
        add(when("client TLS", enabled, [](auto& f) { f.client_data_tls = true; }, {relay, tls}));
        add(when("backend TLS", enabled, [](auto& f) { f.backend_data_tls = true; }, {relay, tls}));
        add(when("TLS required", enabled, [](auto& f) { f.tls_required = true; }, {relay, tls_required}));
        add(when("rate limit", enabled, [](auto& f) { f.rules.rate_limited = true; }, {relay, rate_limit}));
    }

    add(when("direct for passive mode only", with_direct(), [&](auto& f) { active(f), f.direct.active = false; },
             {relay, direct_other_mode}));
    add(when("direct for active mode only", with_direct(), [](auto& f) { f.direct.passive = false; },
             {relay, direct_other_mode}));
    add(when("EPSV ALL", with_direct(), [](auto& f) { f.epsv_all = true; }, {relay, epsv_all}));
    add(when("passive, IPv6", with_direct(), [](auto& f) { f.client = f.backend = address("2001:db8::7"); }, {relay, ipv6}));
    add(when("active, both IPv6", with_direct(), [&](auto& f) { active(f), f.client = f.backend = address("2001:db8::7"); },
             {direct, backend_allows_direct}));
    add(when("active, IPv6 and IPv4", with_direct(), [&](auto& f) { active(f), f.client = address("2001:db8::7"); },
             {relay, different_ip_versions}));
    add(when("the backend is known to refuse PASV", with_direct(), [](auto& f) { f.backend_refuses_pasv = true; },
             {relay, backend_refused}));
    add(when("PASV refused is nothing to active mode", with_direct(),
             [&](auto& f) { active(f), f.backend_refuses_pasv = true; }, {direct, backend_allows_direct}));
    add(when("the backend refused PASV", with_direct(), [](auto& f) { f.direct_refused = true; }, {relay, backend_refused}));
    add(when("the backend refused PORT", with_direct(), [&](auto& f) { active(f), f.direct_refused = true; },
             {relay, backend_refused}));
    add(when("a private address for a public client", with_direct(), [](auto& f) { f.advertised = address("10.0.0.5"); },
             {relay, advertised_address}));
    add(when("a public address", with_direct(), [](auto& f) { f.advertised = address("17.254.0.91"); },
             {direct, backend_allows_direct}));
    add(when("the address of the settings", with_direct(),
             [](auto& f) { f.advertised = address("10.0.0.5"), f.direct.external_address = address("17.254.0.92"); },
             {direct, backend_allows_direct}));

    add(when("kernel unavailable", with_kernel(), [](auto& f) { f.rules.kernel = kernel_forwarding::unavailable; },
             {relay, kernel_unavailable}));
    add(when("single port", with_kernel(), [](auto& f) { f.rules.single_port = true; }, {relay, single_port}));
    add(when("PROXY headers from the load balancer", with_kernel(), [](auto& f) { f.rules.proxy_headers = true; },
             {relay, proxy_headers}));
    add(when("PROXY headers to the backend", with_kernel(), [](auto& f) { f.backend_proxy_headers = true; },
             {relay, proxy_headers}));
    add(when("IPv6 to IPv4", with_kernel(), [](auto& f) { f.client = address("2001:db8::7"); },
             {relay, different_ip_versions}));
    add(when("the backend is asked for the other mode", with_kernel(), [](auto& f) { f.backend_method = data_method::eprt; },
             {relay, different_modes}));
    add(when("the backend is asked for the same mode", with_kernel(), [](auto& f) { f.backend_method = data_method::epsv; },
             {kernel, kernel_enabled}));
    add(when("both active", with_kernel(), [&](auto& f) { active(f), f.backend_method = data_method::eprt; },
             {kernel, kernel_enabled}));
    add(when("the kernel refused", with_kernel(), [](auto& f) { f.kernel_refused = true; }, {relay, kernel_refused}));

    add(when("kernel where direct is refused", with_both(), [](auto& f) { f.direct_refused = true; },
             {kernel, kernel_enabled}));
    add(when("the kernel's reason where both are refused", with_both(),
             [](auto& f) { f.direct_refused = true, f.rules.single_port = true; }, {relay, single_port}));
    add(when("single port does not keep data from going direct", with_both(), [](auto& f) { f.rules.single_port = true; },
             {direct, backend_allows_direct}));
    return out;
}

TEST(DataPathChoice, FollowsTheTable) {
    for (const auto& r : rows()) {
        const auto chosen = choose_data_path(r.facts);
        EXPECT_EQ(name(chosen.path), name(r.expected.path)) << r.what;
        EXPECT_EQ(name(chosen.reason), name(r.expected.reason)) << r.what;
    }
}

TEST(DataPathChoice, HasARowForEveryReason) {
    std::set<data_path_reason> seen;
    for (const auto& r : rows()) seen.insert(choose_data_path(r.facts).reason);
    for (auto i = 0U; i <= static_cast<unsigned>(data_path_reason::kernel_refused); ++i)
        EXPECT_TRUE(seen.contains(static_cast<data_path_reason>(i))) << name(static_cast<data_path_reason>(i));
}

TEST(DataPathChoice, GivesEachReasonItsOwnNameAndText) {
    std::set<std::string_view> words;
    for (auto i = 0U; i <= static_cast<unsigned>(data_path_reason::kernel_refused); ++i) {
        const auto r = static_cast<data_path_reason>(i);
        EXPECT_TRUE(words.insert(name(r)).second) << name(r);
        EXPECT_TRUE(words.insert(text(r)).second) << text(r);
        EXPECT_EQ(name(r).find(' '), std::string_view::npos);
    }
    EXPECT_EQ(text(data_path_reason::rate_limit), "a rate limit applies");
    EXPECT_EQ(name(data_path_reason::kernel_refused), "kernel_refused");
}

TEST(DataPathChoice, KnowsWhichAddressesAreReachable) {
    const auto reaches = [](std::string_view client, std::string_view advertised) {
        return can_reach(address(client), address(advertised));
    };
    EXPECT_TRUE(reaches("198.51.100.7", "17.254.0.91"));
    EXPECT_TRUE(reaches("10.0.0.7", "10.0.0.5"));
    EXPECT_TRUE(reaches("10.0.0.7", "17.254.0.91"));
    EXPECT_TRUE(reaches("127.0.0.1", "127.0.0.1"));
    for (const auto* advertised : {"10.0.0.5", "127.0.0.1", "0.0.0.0", "239.1.1.1", "255.255.255.255"})
        EXPECT_FALSE(reaches("198.51.100.7", advertised)) << advertised;
    EXPECT_FALSE(reaches("10.0.0.7", "127.0.0.1"));
    EXPECT_FALSE(reaches("::1", "127.0.0.1"));
}

}  // namespace
}  // namespace sallyport::proto
