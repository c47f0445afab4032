#include <sallyport/cli/option_layers.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <CLI/CLI.hpp>

namespace sallyport::cli {
namespace {

using excluding_options = std::span<const std::string_view>;

constexpr std::array<std::string_view, 3> data_mode_options{"active", "passive", "data-methods"};
constexpr std::array<std::string_view, 2> family_options{"ipv4", "ipv6"};
constexpr std::array<std::string_view, 3> trust_options{"insecure", "trust", "pin"};
/// Options of one group exclude each other.
constexpr std::array<excluding_options, 3> exclusive_groups{data_mode_options, family_options, trust_options};

bool has_one_of(const option_values& values, excluding_options group) {
    return std::ranges::any_of(group, [&values](std::string_view name) { return values.contains(std::string(name)); });
}

}  // namespace

option_values without_overridden(option_values lower, const option_values& higher) {
    for (const auto& [name, values] : higher) lower.erase(name);
    for (const auto& group : exclusive_groups) {
        if (!has_one_of(higher, group)) continue;
        for (const auto name : group) lower.erase(std::string(name));
    }
    return lower;
}

option_values known_to(const CLI::App& command, const option_values& values) {
    option_values out;
    for (const auto& [name, words] : values)
        if (command.get_option_no_throw("--" + name) != nullptr) out[name] = words;
    return out;
}

}  // namespace sallyport::cli
