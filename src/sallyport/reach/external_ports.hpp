#pragma once
// Maps local passive ports to external ports, for routers that forward other port numbers than the local ones (S3):
// for example 60000-60099 outside to 30000-30099 here.
//
// A value; any thread may use it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::reach {

class external_ports {
public:
    /// Each text is "A-B=C-D": the local ports A-B have the external ports C-D, in that order; or "C-D" for all ports of
    /// `local`. A single port is a range of one. If several mappings contain a port, the first one applies; a port without a
    /// mapping keeps its number. Fails with errc::syntax, also if two ports of `local` get the same external port.
    [[nodiscard]] static result<external_ports> parse(std::span<const std::string> texts, port_range local);

    /// The external port of a local one.
    [[nodiscard]] std::uint16_t of(std::uint16_t local) const noexcept;
    [[nodiscard]] bool empty() const noexcept { return mappings_.empty(); }

private:
    struct mapping {
        port_range local;
        port_range external;
    };
    [[nodiscard]] static result<mapping> parse_one(std::string_view text, port_range local);
    std::vector<mapping> mappings_;
};

}  // namespace sallyport::reach
