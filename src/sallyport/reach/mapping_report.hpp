#pragma once
// What the log says about port mappings. Pure functions; any thread.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/reach/mapping.hpp>

namespace sallyport::reach {

/// "5.9.1.1:21 to port 21, 5.9.1.1:40000-40007 to ports 30000-30007": the live ones, neighbors together. Empty if none is.
[[nodiscard]] std::string mapped_text(std::span<const mapping> all);

/// The error of a mapping, or the reason of a protocol, while the router is silent.
inline constexpr auto no_answer = "no answer";

struct mapping_facts {
    ip_address router;
    ip_address own;
    std::vector<mapping> mappings;
    // Why no protocol can be used: "PCP: no answer", one for each.
    std::vector<std::string> unusable;
};

struct report_line {
    bool warning = false;
    std::string text;
};

/// One line for what is mapped, and one for each thing that is wrong, with what to do.
[[nodiscard]] std::vector<report_line> mapping_lines(const mapping_facts& facts);

}  // namespace sallyport::reach
