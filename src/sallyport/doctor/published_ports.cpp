#include <sallyport/doctor/published_ports.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>

namespace sallyport::doctor {
namespace {

namespace json = boost::json;
using diagnosis::published_ports;

constexpr auto usual_control_ports = std::to_array<std::uint16_t>({21, 990, 2121});

/// The member of an object; null if there is none.
[[nodiscard]] const json::value& member(const json::value& of, std::string_view name) {
    static const json::value none;
    const auto* const object = of.if_object();
    const auto* const found = object == nullptr ? nullptr : object->if_contains(name);
    return found == nullptr ? none : *found;
}

[[nodiscard]] std::string text_of(const json::value& v) {
    if (const auto* const text = v.if_string()) return std::string(*text);
    if (const auto* const number = v.if_int64()) return std::to_string(*number);
    return {};
}

/// 21, "21" or "30000-30099".
[[nodiscard]] std::optional<port_range> ports_of(const json::value& v) {
    const auto range = port_range::parse(text_of(v));
    return range && range->first != 0 && range->size() > 0 ? std::optional(*range) : std::nullopt;
}

[[nodiscard]] bool is_tcp(const json::value& port) {
    const auto protocol = text_of(member(port, "protocol"));
    return protocol.empty() || protocol == "tcp" || protocol == "TCP";
}

void add(std::vector<published_ports>& to, const std::optional<port_range>& outside,
         const std::optional<port_range>& inside) {
    if (outside && inside && outside->size() == inside->size()) to.push_back({*outside, *inside});
}

[[nodiscard]] bool has_control_port(const std::vector<published_ports>& all) {
    return std::ranges::any_of(all, [](const published_ports& p) {
        return std::ranges::any_of(usual_control_ports, [&p](std::uint16_t port) { return p.inside.contains(port); });
    });
}

/// The lists of the services: the first one with a control port, or all as one.
[[nodiscard]] std::vector<published_ports> chosen(std::vector<std::vector<published_ports>> services) {
    if (const auto found = std::ranges::find_if(services, has_control_port); found != services.end())
        return std::move(*found);
    std::vector<published_ports> out;
    for (const auto& each : services) out.insert(out.end(), each.begin(), each.end());
    return out;
}

[[nodiscard]] result<json::value> parse(std::string_view text, std::string_view wanted) {
    boost::system::error_code failed;
    auto root = json::parse(text, failed);
    if (failed || !root.is_object())
        return fail(errc::syntax, "this is no JSON object; use the output of " + std::string(wanted));
    return root;
}

[[nodiscard]] std::vector<published_ports> ports_of_service(const json::value& service) {
    std::vector<published_ports> out;
    const auto& spec = member(service, "spec");
    const bool by_node = text_of(member(spec, "type")) == "NodePort";
    const auto* const ports = member(spec, "ports").if_array();
    if (ports == nullptr) return out;
    for (const auto& port : *ports) {
        if (!is_tcp(port)) continue;
        const auto own = ports_of(member(port, "port"));
        // A name stands for the port of that name, usually the same number.
        const auto target = ports_of(member(port, "targetPort"));
        add(out, by_node ? ports_of(member(port, "nodePort")) : own, target ? target : own);
    }
    return out;
}

}  // namespace

result<diagnosis::server_facts> read_compose(std::string_view text) {
    constexpr std::string_view wanted = "'docker compose config --format json'";
    const auto root = parse(text, wanted);
    if (!root) return std::unexpected(root.error());
    const auto* const services = member(*root, "services").if_object();
    if (services == nullptr)
        return fail(errc::syntax, "there are no services in it; use the output of " + std::string(wanted));
    std::vector<std::vector<published_ports>> all;
    for (const auto& [name, service] : *services) {
        auto& of_service = all.emplace_back();
        const auto* const ports = member(service, "ports").if_array();
        if (ports == nullptr) continue;
        for (const auto& port : *ports)
            if (is_tcp(port)) add(of_service, ports_of(member(port, "published")), ports_of(member(port, "target")));
    }
    diagnosis::server_facts out;
    out.publisher = diagnosis::port_publisher::compose;
    out.published = chosen(std::move(all));
    return out;
}

result<diagnosis::server_facts> read_kubernetes(std::string_view text) {
    const auto root = parse(text, "'kubectl get service -o json'");
    if (!root) return std::unexpected(root.error());
    std::vector<std::vector<published_ports>> all;
    if (text_of(member(*root, "kind")) == "Service") all.push_back(ports_of_service(*root));
    if (const auto* const items = member(*root, "items").if_array())
        for (const auto& item : *items)
            if (text_of(member(item, "kind")) == "Service") all.push_back(ports_of_service(item));
    if (all.empty()) return fail(errc::syntax, "there is no Service in it; use the output of 'kubectl get service -o json'");
    diagnosis::server_facts out;
    out.publisher = diagnosis::port_publisher::kubernetes;
    out.published = chosen(std::move(all));
    return out;
}

}  // namespace sallyport::doctor
