#include <sallyport/cli/mapping_values.hpp>

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::cli {

result<std::vector<reach::mapping_protocol>> parse_mapping_protocols(const std::string& list) {
    using enum reach::mapping_protocol;
    std::vector<reach::mapping_protocol> out;
    std::istringstream names(list == "true" ? "pcp,natpmp,upnp" : list);
    for (std::string each; std::getline(names, each, ',');) {
        const auto known = {pcp, natpmp, upnp};
        const auto found = std::ranges::find_if(known, [&](auto p) { return reach::name(p) == each; });
        if (found == known.end() || std::ranges::find(out, *found) != out.end())
            return fail(
                errc::usage,
                fmt::format("--map={}: use pcp, natpmp or upnp, each once and separated by commas, in the order in which "
                            "they are to be tried; --map alone is --map=pcp,natpmp,upnp",
                            list));
        out.push_back(*found);
    }
    return out;
}

option_row map_interface_row(std::string& into) {
    return {"--map-interface", "IF", text(into), "Ask the router of this network interface", "that of the default route"};
}

std::vector<option_row> mapping_options::rows(std::string help) {
    return {{"--map", "[=LIST]", optional_text(map), std::move(help), "off"}, map_interface_row(interface)};
}

result<reach::mapping_settings> mapping_options::settings(bool is_on, std::chrono::seconds lease) const {
    reach::mapping_settings out{.protocols = {}, .interface = interface, .lease = lease};
    if (!is_on) return out;
    auto protocols = parse_mapping_protocols(map);
    if (!protocols) return std::unexpected(std::move(protocols.error()));
    out.protocols = std::move(*protocols);
    return out;
}

result<std::vector<reach::stun_server>> parse_stun_servers(const std::vector<std::string>& texts) {
    std::vector<reach::stun_server> out;
    for (const auto& text : texts) {
        auto server = reach::stun_server::parse(text);
        if (!server) return fail(errc::usage, fmt::format("--stun {}: {}", text, server.error().what));
        out.push_back(std::move(*server));
    }
    if (out.size() > limits::max_stun_servers)
        return fail(errc::usage, fmt::format("--stun: at most {} servers; remove some", limits::max_stun_servers));
    return out;
}

}  // namespace sallyport::cli
