#include <sallyport/proto/relay_methods.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::proto {
namespace {

using enum data_method;

constexpr auto names = std::to_array<std::pair<std::string_view, backend_data>>({{"match", backend_data::as_client},
                                                                                 {"passive", backend_data::passive},
                                                                                 {"active", backend_data::active},
                                                                                 {"epsv", backend_data::epsv},
                                                                                 {"pasv", backend_data::pasv},
                                                                                 {"eprt", backend_data::eprt},
                                                                                 {"port", backend_data::port}});

// A backend that the gateway's connection has reached can mostly be reached by a second one: the passive methods are the
// last resort of the active ones. The other way round a firewall would have to be open that may well be closed.
[[nodiscard]] std::vector<data_method> in_order(backend_data policy, data_method asked) {
    switch (policy) {
        case backend_data::as_client:
            switch (asked) {
                case epsv: return {epsv, pasv};
                case pasv: return {pasv, epsv};
                case eprt: return {eprt, port, epsv, pasv};
                case port: return {port, eprt, epsv, pasv};
            }
            break;
        case backend_data::passive: return {epsv, pasv};
        case backend_data::active: return {eprt, port, epsv, pasv};
        case backend_data::epsv: return {epsv};
        case backend_data::pasv: return {pasv};
        case backend_data::eprt: return {eprt};
        case backend_data::port: return {port};
    }
    return {};
}

}  // namespace

std::optional<backend_data> parse_backend_data(std::string_view text) {
    const auto* const found = std::ranges::find(names, text, &std::pair<std::string_view, backend_data>::first);
    if (found == names.end()) return std::nullopt;
    return found->second;
}

std::vector<data_method> methods_behind(backend_data policy, data_method asked, bool ipv6, method_set refused) {
    auto order = in_order(policy, asked);
    if (ipv6) std::erase_if(order, only_ipv4);
    if (order.empty()) return order;
    const auto last = order.back();
    std::erase_if(order, [&](data_method m) { return m != last && refused.contains(m); });
    return order;
}

}  // namespace sallyport::proto
