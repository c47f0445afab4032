#include <sallyport/reach/external_ports.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace sallyport::reach {

result<external_ports::move> external_ports::parse_one(std::string_view text, port_range own) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos && own.first == 0)
        return fail(errc::syntax, fmt::format("external ports {}: say of which ports, as in 30000-30099={}", text, text));
    const auto inside = equals == std::string_view::npos ? own : port_range::parse(text.substr(0, equals));
    const auto outside = port_range::parse(equals == std::string_view::npos ? text : text.substr(equals + 1));
    if (!inside || !outside)
        return fail(errc::syntax,
                    fmt::format("external ports {}: give C-D, or A-B=C-D for our ports A-B, for example 30000-30099="
                                "60000-60099",
                                text));
    if (inside->size() != outside->size())
        return fail(errc::syntax, fmt::format("external ports {}: {} are {} ports and {} are {}; make them as many", text,
                                              inside->text(), inside->size(), outside->text(), outside->size()));
    return move{*inside, *outside};
}

result<external_ports> external_ports::parse(std::span<const std::string> texts, port_range own) {
    external_ports out;
    for (const auto& text : texts) {
        auto one = parse_one(text, own);
        if (!one) return std::unexpected(std::move(one.error()));
        out.moves_.push_back(*one);
    }
    // Two of our ports behind one number outside: whoever connects there could not be told apart by the router.
    std::set<std::uint16_t> used;
    for (std::uint32_t port = own.first; own.first != 0 && port <= own.last; ++port) {
        const auto outside = out.of(static_cast<std::uint16_t>(port));
        if (!used.insert(outside).second)
            return fail(errc::syntax,
                        fmt::format("external ports: two of our ports {} are {} outside", own.text(), outside));
    }
    return out;
}

std::uint16_t external_ports::of(std::uint16_t own) const noexcept {
    const auto found = std::ranges::find_if(moves_, [own](const move& m) { return m.own.contains(own); });
    if (found == moves_.end()) return own;
    return static_cast<std::uint16_t>(found->outside.first + (own - found->own.first));
}

}  // namespace sallyport::reach
