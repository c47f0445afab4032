#include <sallyport/reach/external_ports.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace sallyport::reach {

result<external_ports::mapping> external_ports::parse_one(std::string_view text, port_range local) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos && local.first == 0)
        return fail(errc::syntax,
                    fmt::format("external ports {}: the local ports are missing; use A-B={}, for example 30000-30099={}",
                                text, text, text));
    const auto local_range = equals == std::string_view::npos ? local : port_range::parse(text.substr(0, equals));
    const auto external = port_range::parse(equals == std::string_view::npos ? text : text.substr(equals + 1));
    if (!local_range || !external)
        return fail(errc::syntax,
                    fmt::format("external ports {}: invalid range; use C-D, or A-B=C-D for the local ports A-B, for example "
                                "30000-30099=60000-60099",
                                text));
    if (local_range->size() != external->size())
        return fail(errc::syntax,
                    fmt::format("external ports {}: {} has {} ports and {} has {}; use ranges of the same size", text,
                                local_range->text(), local_range->size(), external->text(), external->size()));
    return mapping{*local_range, *external};
}

result<external_ports> external_ports::parse(std::span<const std::string> texts, port_range local) {
    external_ports out;
    for (const auto& text : texts) {
        auto one = parse_one(text, local);
        if (!one) return std::unexpected(std::move(one.error()));
        out.mappings_.push_back(*one);
    }
    // Two local ports with one external port: the router can forward that port to one of them only.
    std::set<std::uint16_t> used;
    for (std::uint32_t port = local.first; local.first != 0 && port <= local.last; ++port) {
        const auto external = out.of(static_cast<std::uint16_t>(port));
        if (!used.insert(external).second)
            return fail(errc::syntax,
                        fmt::format("external ports: two of the local ports {} have the external port {}; use each external "
                                    "port once",
                                    local.text(), external));
    }
    return out;
}

std::uint16_t external_ports::of(std::uint16_t local) const noexcept {
    const auto found = std::ranges::find_if(mappings_, [local](const mapping& m) { return m.local.contains(local); });
    if (found == mappings_.end()) return local;
    return static_cast<std::uint16_t>(found->external.first + (local - found->local.first));
}

}  // namespace sallyport::reach
