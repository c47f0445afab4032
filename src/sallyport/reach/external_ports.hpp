#pragma once
// Port numbers as the outside knows them, where a router in front forwards them to others: 60000-60099 outside to
// 30000-30099 here, or single ones. Pure; any thread.

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
    /// Each is "A-B=C-D": our ports A-B are C-D outside, in their order; or "C-D" alone for the whole of `own`. A single
    /// port is a range of one. Where several name a port, the first counts; a port that none names keeps its number.
    [[nodiscard]] static result<external_ports> parse(std::span<const std::string> texts, port_range local);

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
