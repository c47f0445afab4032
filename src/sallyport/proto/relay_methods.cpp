#include <sallyport/proto/relay_methods.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::proto {
namespace {

using enum data_method;

constexpr auto names =
    std::to_array<std::pair<std::string_view, backend_data_mode>>({{"match", backend_data_mode::match},
                                                                   {"passive", backend_data_mode::passive},
                                                                   {"active", backend_data_mode::active},
                                                                   {"epsv", backend_data_mode::epsv},
                                                                   {"pasv", backend_data_mode::pasv},
                                                                   {"eprt", backend_data_mode::eprt},
                                                                   {"port", backend_data_mode::port}});

// A backend that the gateway's connection has reached can mostly be reached by a second one: the passive methods are the
// last resort of the active ones. The other way round a firewall would have to be open that may well be closed.
[[nodiscard]] std::vector<data_method> in_order(backend_data_mode policy, data_method client_method) {
    switch (policy) {
        case backend_data_mode::match:
            switch (client_method) {
                case epsv: return {epsv, pasv};
                case pasv: return {pasv, epsv};
                case eprt: return {eprt, port, epsv, pasv};
                case port: return {port, eprt, epsv, pasv};
            }
            break;
        case backend_data_mode::passive: return {epsv, pasv};
        case backend_data_mode::active: return {eprt, port, epsv, pasv};
        case backend_data_mode::epsv: return {epsv};
        case backend_data_mode::pasv: return {pasv};
        case backend_data_mode::eprt: return {eprt};
        case backend_data_mode::port: return {port};
    }
    return {};
}

[[nodiscard]] backend_data_mode after_failure(backend_data_mode policy, data_method client_method, data_method failed) {
    using enum backend_data_mode;
    if (policy != match && policy != active) return policy;
    if (policy == match && is_active(client_method) != is_active(failed)) return match;
    return is_active(failed) ? passive : active;
}

}  // namespace

std::optional<backend_data_mode> parse_backend_data_mode(std::string_view text) {
    const auto* const found = std::ranges::find(names, text, &std::pair<std::string_view, backend_data_mode>::first);
    if (found == names.end()) return std::nullopt;
    return found->second;
}

std::vector<data_method> backend_methods(backend_data_mode policy, data_method client_method, bool ipv6, method_set refused,
                                         std::optional<data_method> failed) {
    auto order = in_order(failed ? after_failure(policy, client_method, *failed) : policy, client_method);
    if (ipv6) std::erase_if(order, only_ipv4);
    if (order.empty()) return order;
    const auto last = order.back();
    std::erase_if(order, [&](data_method m) { return m != last && refused.contains(m); });
    return order;
}

}  // namespace sallyport::proto
