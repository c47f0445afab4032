#pragma once
// Limits the nesting depth of a configuration before it is parsed, because the TOML parser and its trees recurse once per
// level, so a file could end the daemon that reads it (DU-08). A pure function and constants; any thread.

#include <cstddef>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// Far above the depth of the settings, which is three levels.
inline constexpr std::size_t config_key_parts = 16;
inline constexpr std::size_t config_nesting = 16;

/// Checks that no key has more than config_key_parts parts and that arrays and tables are nested at most config_nesting
/// deep. Strings and comments are skipped by the rules of TOML. A string that does not end is refused, since a parser could
/// read it differently. The error says "line N: ...".
[[nodiscard]] result<void> check_config_text(std::string_view text);

}  // namespace sallyport::cli
