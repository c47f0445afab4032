#pragma once
// Shared by the tests of the pool: lists of backends, and functions that show which backend got how many sessions.

#include <sallyport/gate/pool.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::gate::pool_testing {

using namespace std::chrono_literals;

inline const net::deadline now = net::clock::now();

[[nodiscard]] inline std::vector<backend> farm(const std::vector<backend_parameters>& parameters) {
    std::vector<backend> backends;
    for (const auto& t : parameters)
        backends.push_back({"10.0.0." + std::to_string(backends.size() + 1), 21, backend_tls::none, t});
    return backends;
}

inline constexpr balancing_rules default_rules{.fall = 3, .rise = 1, .slow_start = 20s, .retry_delay = 10s};

[[nodiscard]] inline pool make(balancing_policy policy,
                               const std::vector<backend_parameters>& parameters = std::vector<backend_parameters>(3)) {
    auto rules = default_rules;
    rules.policy = policy;
    return {farm(parameters), rules};
}

[[nodiscard]] inline pool make_checked(all_down_policy then, const std::vector<backend_parameters>& parameters) {
    auto rules = default_rules;
    rules.check = check_level::greeting;
    rules.when_all_down = then;
    return {farm(parameters), rules};
}

inline void mark_down(pool& p, std::size_t index) {
    for (unsigned i = 0; i < default_rules.fall; ++i) p.failed(index, "refused", now);
}

[[nodiscard]] inline ip_address client(int n) {
    return ip_address::v4({198, 51, static_cast<std::uint8_t>(n / 256), static_cast<std::uint8_t>(n % 256)});
}

/// A slot; the test fails if there is none.
[[nodiscard]] inline backend_slot acquire_slot(pool& p, const ip_address& from = client(1),
                                               const std::vector<std::size_t>& tried = {}, net::deadline at = now) {
    auto chosen = p.choose({.address = from, .user = {}, .host = {}}, tried, at);
    if (chosen) return std::move(*chosen);
    ADD_FAILURE() << "no slot";
    return {};
}

[[nodiscard]] inline no_backend_reason refusal(pool& p, const std::vector<std::size_t>& tried = {}) {
    const auto chosen = p.choose({.address = client(1), .user = {}, .host = {}}, tried, now);
    EXPECT_FALSE(chosen);
    return chosen ? no_backend_reason{} : chosen.error();
}

using counts = std::vector<std::size_t>;
[[nodiscard]] inline counts sessions(const pool& p) {
    counts out;
    for (const auto& b : p.snapshot(now).backends) out.push_back(b.sessions);
    return out;
}

/// How many of `n` sessions that stay open each backend gets.
[[nodiscard]] inline counts distribution(pool& p, int n, net::deadline at = now) {
    counts out(p.snapshot(now).backends.size());
    std::vector<backend_slot> held;
    for (int i = 0; i < n; ++i) {
        held.push_back(acquire_slot(p, client(i), {}, at));
        ++out[held.back().id()];
    }
    return out;
}

}  // namespace sallyport::gate::pool_testing
