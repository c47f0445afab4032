#pragma once
// What the comparisons that a person asked for (--rounds, --idle, --upload) have found, one line for each, also if all was
// well. Pure functions on values; any thread.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::diagnosis {

struct comparison_line {
    /// "rounds", "idle", "upload".
    std::string_view name;
    bool ok = false;
    /// "10 rounds: all worked". A text of the server may be in it, so escape it before display.
    std::string detail;
};

/// Those that were measured, in this order.
[[nodiscard]] std::vector<comparison_line> comparison_lines(const facts& known);

}  // namespace sallyport::diagnosis
