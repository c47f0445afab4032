#pragma once
// Reads YAML 1.2, and JSON as a part of it, into plain values. yaml-cpp reads the text; none of its names and exceptions are
// visible here.
//
// Pure functions; any thread. Aliases and merge keys ("<<") are replaced by copies. The number of values with all copies is
// limited, so that neither a large text nor aliases of aliases exhaust the memory.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::doctor {

struct yaml_value {
    enum class kind : std::uint8_t { null, text, list, map };

    kind is = kind::null;
    // Counts from 1.
    int line = 1;
    // Its key in a map.
    std::string key;
    // A text, number or Boolean as it is written.
    std::string text;
    // Of a list or map.
    std::vector<yaml_value> items;
    // How many values it has with itself.
    std::size_t size = 1;

    /// The value of a key; null if there is none, or if it is no map.
    [[nodiscard]] const yaml_value& at(std::string_view name) const noexcept;
};

/// The documents of a text. errc::syntax: "line 7: the cause". errc::too_long: the text or its number of values is over the
/// limit.
[[nodiscard]] result<std::vector<yaml_value>> read_yaml(std::string_view text);

}  // namespace sallyport::doctor
