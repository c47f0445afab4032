#pragma once
// Wildcards for the simple ones among the regular expressions by which other servers name files: literal text, '.', '.*',
// sets, alternatives and anchors. Pure functions on values; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::imports {

/// Wildcards that match the same names, one for each alternative. Nothing if the expression needs more than that, or matches
/// every name.
[[nodiscard]] std::optional<std::vector<std::string>> wildcards_of_regex(std::string_view regex);

}  // namespace sallyport::imports
