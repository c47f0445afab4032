#include <sallyport/doctor/published_ports.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/doctor/yaml_value.hpp>

namespace sallyport::doctor {
namespace {

using diagnosis::port_publisher;
using diagnosis::published_ports;
using kind = yaml_value::kind;

constexpr auto usual_control_ports = std::to_array<std::uint16_t>({21, 990, 2121});

/// What a file has about ports.
struct found_ports {
    // Each list is that of a service.
    std::vector<std::vector<published_ports>> services;
    bool in_host_network = false;
};

/// The texts of an entry: "30000-30099", "21", "tcp".
struct port_texts {
    std::string_view outside;
    std::string_view inside;
    std::string_view protocol;
};

[[nodiscard]] std::unexpected<error> refused(const yaml_value& at, std::string_view why) {
    return fail(errc::syntax, fmt::format("line {}: {}", at.line, why));
}

[[nodiscard]] std::optional<port_range> ports_of(std::string_view text) {
    const auto range = port_range::parse(text);
    return range && range->first != 0 && range->size() > 0 ? range : std::nullopt;
}

[[nodiscard]] result<void> add_entry(const yaml_value& at, const port_texts& entry, std::vector<published_ports>& to) {
    if (!entry.protocol.empty() && to_lower(entry.protocol) != "tcp") return {};
    const auto inside = ports_of(entry.inside);
    const auto outside = ports_of(entry.outside);
    if (!inside || (!outside && !entry.outside.empty()))
        return refused(at, fmt::format("\"{}\" is neither a port nor a range of ports",
                                       escape(inside ? entry.outside : entry.inside, 100)));
    // Of several ports outside, the engine chooses one.
    if (outside && outside->size() == inside->size()) to.push_back({*outside, *inside});
    return {};
}

/// "[ADDRESS:][OUTSIDE:]INSIDE[/PROTOCOL]", ports or ranges of them.
[[nodiscard]] port_texts short_form(std::string_view text) {
    port_texts out;
    if (const auto slash = text.rfind('/'); slash != text.npos) {
        out.protocol = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    const auto colon = text.rfind(':');
    out.inside = text.substr(colon + 1);
    if (colon != text.npos) {
        text = text.substr(0, colon);
        out.outside = text.substr(text.rfind(':') + 1);
    }
    return out;
}

[[nodiscard]] result<void> add_compose_service(const yaml_value& service, found_ports& to) {
    if (service.at("extends").is != kind::null)
        return refused(service.at("extends"), "ports may come from the service that this one extends");
    if (service.at("network_mode").text == "host") {
        to.in_host_network = true;
        return {};
    }
    auto& own = to.services.emplace_back();
    const auto& ports = service.at("ports");
    if (ports.is != kind::list && ports.is != kind::null) return refused(ports, "the ports are no list");
    for (const auto& port : ports.items) {
        const auto texts = port.is == kind::map
                               ? port_texts{port.at("published").text, port.at("target").text, port.at("protocol").text}
                               : short_form(port.text);
        if (auto added = add_entry(port, texts, own); !added) return added;
    }
    return {};
}

[[nodiscard]] result<void> add_kubernetes_service(const yaml_value& spec, found_ports& to) {
    auto& own = to.services.emplace_back();
    const bool by_node = spec.at("type").text == "NodePort";
    for (const auto& port : spec.at("ports").items) {
        const auto& number = port.at("port").text;
        // A name stands for the port of that name, usually the same number.
        const auto& target = port.at("targetPort").text;
        const port_texts texts{.outside = by_node ? port.at("nodePort").text : number,
                               .inside = ports_of(target) ? target : number,
                               .protocol = port.at("protocol").text};
        if (auto added = add_entry(port, texts, own); !added) return added;
    }
    return {};
}

[[nodiscard]] result<void> add_pod(const yaml_value& pod, found_ports& to) {
    if (pod.at("hostNetwork").text == "true") {
        to.in_host_network = true;
        return {};
    }
    std::vector<published_ports> own;
    for (const auto& container : pod.at("containers").items) {
        for (const auto& port : container.at("ports").items) {
            const port_texts texts{port.at("hostPort").text, port.at("containerPort").text, port.at("protocol").text};
            if (auto added = add_entry(port, texts, own); !added) return added;
        }
    }
    if (!own.empty()) to.services.push_back(std::move(own));
    return {};
}

[[nodiscard]] result<void> add_object(const yaml_value& object, found_ports& to) {
    const auto& type = object.at("kind").text;
    const auto& spec = object.at("spec");
    if (type == "Service") return add_kubernetes_service(spec, to);
    if (type == "Pod") return add_pod(spec, to);
    return add_pod(spec.at("template").at("spec"), to);
}

[[nodiscard]] bool has_control_port(const std::vector<published_ports>& all) {
    return std::ranges::any_of(all, [](const published_ports& p) {
        return std::ranges::any_of(usual_control_ports, [&p](std::uint16_t port) { return p.inside.contains(port); });
    });
}

[[nodiscard]] diagnosis::server_facts chosen(found_ports found, port_publisher publisher) {
    diagnosis::server_facts out;
    const auto server = std::ranges::find_if(found.services, has_control_port);
    const bool has_server = server != found.services.end();
    if (!has_server && found.in_host_network) return out;
    out.publisher = publisher;
    if (has_server)
        out.published = std::move(*server);
    else
        for (const auto& each : found.services) out.published.insert(out.published.end(), each.begin(), each.end());
    return out;
}

[[nodiscard]] result<found_ports> compose_ports(std::string_view text) {
    const auto documents = read_yaml(text);
    if (!documents) return std::unexpected(documents.error());
    found_ports out;
    bool has_services = false;
    for (const auto& document : *documents) {
        if (const auto& include = document.at("include"); include.is != kind::null)
            return refused(include, "services may come from another file");
        const auto& services = document.at("services");
        has_services |= services.is == kind::map;
        for (const auto& service : services.items)
            if (const auto added = add_compose_service(service, out); !added) return std::unexpected(added.error());
    }
    if (!has_services) return fail(errc::syntax, "there are no services in it");
    return out;
}

[[nodiscard]] result<found_ports> kubernetes_ports(std::string_view text) {
    const auto documents = read_yaml(text);
    if (!documents) return std::unexpected(documents.error());
    found_ports out;
    for (const auto& document : *documents) {
        if (const auto added = add_object(document, out); !added) return std::unexpected(added.error());
        for (const auto& item : document.at("items").items)
            if (const auto added = add_object(item, out); !added) return std::unexpected(added.error());
    }
    if (out.services.empty() && !out.in_host_network)
        return fail(errc::syntax, "there is no Service in it, and no pod with hostPort or hostNetwork");
    return out;
}

[[nodiscard]] result<diagnosis::server_facts> facts_of(result<found_ports> found, port_publisher publisher,
                                                       std::string_view output) {
    if (found) return chosen(std::move(*found), publisher);
    auto why = std::move(found.error());
    why.what += fmt::format("; correct it, or use the output of '{}'", output);
    return std::unexpected(std::move(why));
}

}  // namespace

result<diagnosis::server_facts> read_compose(std::string_view text) {
    return facts_of(compose_ports(text), port_publisher::compose, "docker compose config SERVICE");
}

result<diagnosis::server_facts> read_kubernetes(std::string_view text) {
    return facts_of(kubernetes_ports(text), port_publisher::kubernetes, "kubectl get service NAME -o yaml");
}

}  // namespace sallyport::doctor
