#pragma once
// Text in the cells of a terminal: how many columns it takes, and the part that fits. Pure functions; any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::cli {

/// Control characters and bytes that are no character are replaced by '?', so that a terminal shows the text and does
/// nothing else (IN-09).
[[nodiscard]] std::string printable(std::string_view text);

/// The columns that printable text takes: none for a combining character, two for a wide one.
[[nodiscard]] std::size_t columns_of(std::string_view text) noexcept;

/// The beginning of printable text that takes at most `columns`; it ends in '~' if something is missing.
[[nodiscard]] std::string cut_to_columns(std::string_view text, std::size_t columns);

}  // namespace sallyport::cli
