// Configuration files (DU-08).
// - The TOML parser accepts or refuses a text that check_config_text() accepts; it does not exhaust the stack, and throws
// only its own
//   error.
// - The resulting tree is not deeper than the limits allow.

#include <toml++/toml.h>

#include <sallyport/cli/config_text.hpp>

#include "fuzz.hpp"

namespace {

std::size_t depth_of(const toml::node& node) {
    std::size_t deepest = 0;
    if (const auto* table = node.as_table()) {
        for (const auto& [name, value] : *table) deepest = std::max(deepest, depth_of(value));
    } else if (const auto* array = node.as_array()) {
        for (const auto& value : *array) deepest = std::max(deepest, depth_of(value));
    }
    return deepest + 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    const auto text = fuzz::text_of(data, size);
    if (!cli::check_config_text(text)) return 0;
    try {
        const auto tree = toml::parse(text);
        // A header's key, then at each level of brackets another one.
        constexpr auto max_depth = cli::config_key_parts * (cli::config_nesting + 2) + 2 * cli::config_nesting + 2;
        fuzz::check(depth_of(tree) <= max_depth, "the depth is bounded");
    } catch (const toml::parse_error&) {
    }
    return 0;
}
