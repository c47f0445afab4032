#include <sallyport/proto/data_path_choice.hpp>

#include <array>
#include <cstddef>
#include <utility>

namespace sallyport::proto {
namespace {

using enum data_path_reason;

constexpr auto reason_texts = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"backend_allows_direct", "the backend's URL allows direct data connections"},
    {"kernel_enabled", "kernel forwarding is enabled and possible"},
    {"nothing_else_enabled", "no other data path is enabled"},
    {"tls", "a data connection uses TLS"},
    {"tls_required", "data connections must be encrypted"},
    {"rate_limit", "a rate limit applies"},
    {"direct_other_mode", "direct data connections are not enabled for this mode, active or passive"},
    {"epsv_all", "after EPSV ALL no reply can name the backend's address"},
    {"ipv6", "no reply to an IPv6 client can name the backend's address"},
    {"backend_refused", "the backend refused the method that a direct data connection needs"},
    {"advertised_address", "the client cannot reach the address that the backend advertised"},
    {"kernel_unavailable", "kernel forwarding is not available on this system"},
    {"single_port", "all passive data connections arrive on one port"},
    {"proxy_headers", "data connections start with PROXY headers"},
    {"different_modes", "one data connection is active and the other one passive"},
    {"different_ip_versions", "IPv4 on one leg and IPv6 on the other"},
    {"kernel_refused", "the kernel did not accept the forwarding rule"},
});

/// The reasons why the gateway must relay the bytes.
[[nodiscard]] std::optional<data_path_reason> bytes_needed(const data_path_facts& f) noexcept {
    if (f.client_data_tls || f.backend_data_tls) return tls;
    if (f.tls_required) return tls_required;
    if (f.rules.rate_limited) return rate_limit;
    return std::nullopt;
}

[[nodiscard]] std::optional<data_path_reason> why_not_direct(const data_path_facts& f) noexcept {
    if (is_active(f.client_method)) {
        if (!f.direct.active) return direct_other_mode;
        if (f.client.is_v4() != f.backend.is_v4()) return different_ip_versions;
        if (f.direct_refused) return backend_refused;
        return std::nullopt;
    }
    if (!f.direct.passive) return direct_other_mode;
    if (f.epsv_all) return epsv_all;
    if (!f.client.is_v4()) return ipv6;
    if (f.backend_refuses_pasv || f.direct_refused) return backend_refused;
    if (f.advertised && !f.direct.external_address && !can_reach(f.client, *f.advertised)) return advertised_address;
    return std::nullopt;
}

[[nodiscard]] std::optional<data_path_reason> why_not_kernel(const data_path_facts& f) noexcept {
    if (f.rules.kernel == kernel_forwarding::unavailable) return kernel_unavailable;
    if (f.rules.single_port) return single_port;
    if (f.rules.proxy_headers || f.backend_proxy_headers) return proxy_headers;
    if (f.client.is_v4() != f.backend.is_v4()) return different_ip_versions;
    if (f.backend_method && is_active(*f.backend_method) != is_active(f.client_method)) return different_modes;
    if (f.kernel_refused) return kernel_refused;
    return std::nullopt;
}

}  // namespace

std::string_view name(data_path r) noexcept {
    switch (r) {
        case data_path::direct: return "direct";
        case data_path::kernel: return "kernel";
        case data_path::relay: break;
    }
    return "relay";
}

std::string_view name(data_path_reason r) noexcept { return reason_texts[static_cast<std::size_t>(r)].first; }

std::string_view text(data_path_reason r) noexcept { return reason_texts[static_cast<std::size_t>(r)].second; }

bool can_reach(const ip_address& client, const ip_address& advertised) noexcept {
    if (advertised.is_unspecified() || advertised.is_multicast() || advertised.is_v4() != client.is_v4()) return false;
    if (client.is_loopback()) return true;
    return client.is_public() ? advertised.is_public() : !advertised.is_loopback();
}

// If both are enabled and neither is possible, the kernel's reason is returned, since it was tried last.
data_path_choice choose_data_path(const data_path_facts& f) noexcept {
    const bool direct_enabled = f.direct.passive || f.direct.active;
    const bool kernel_enabled_here = f.rules.kernel != kernel_forwarding::disabled;
    if (!direct_enabled && !kernel_enabled_here) return {data_path::relay, nothing_else_enabled};
    if (const auto why = bytes_needed(f)) return {data_path::relay, *why};
    auto why = direct_enabled ? why_not_direct(f) : direct_other_mode;
    if (!why) return {data_path::direct, backend_allows_direct};
    if (kernel_enabled_here) why = why_not_kernel(f);
    if (!why) return {data_path::kernel, kernel_enabled};
    return {data_path::relay, *why};
}

}  // namespace sallyport::proto
