#include <sallyport/server/rights.hpp>

#include <algorithm>

namespace sallyport::server {

std::optional<right> parse_right(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(right_names, name, [](const auto& known) { return known.first; });
    if (found == right_names.end()) return std::nullopt;
    return found->second;
}

}  // namespace sallyport::server
