#pragma once
// A configuration's depth, bounded before it is parsed: the TOML parser, and the trees that it builds, recurse once
// for each level, so a file could end the daemon that reads it (DU-08).

#include <cstddef>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// Far above what settings need, which are three levels deep.
inline constexpr std::size_t config_key_parts = 16;
inline constexpr std::size_t config_nesting = 16;

/// No key has more than config_key_parts parts, and arrays and tables in each other are at most config_nesting deep. Texts
/// and remarks are passed over as TOML has them; a text that does not end is refused, since a parser could see it otherwise.
/// The error says "line N: ...".
[[nodiscard]] result<void> check_config_text(std::string_view text);

}  // namespace sallyport::cli
