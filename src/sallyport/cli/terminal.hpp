#pragma once
// The size of a terminal. Pure functions without state, owned by no object; any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::cli {

struct screen_size {
    std::size_t columns = 80;
    std::size_t rows = 24;
};

/// The first lines of a text, cut so that a terminal of this size shows them without scrolling: the last row stays empty.
/// A character takes at most as many columns as it has bytes.
[[nodiscard]] std::string cut_to(std::string_view text, std::size_t columns, std::size_t rows);

/// Rows of the terminal `fd`; nothing if it is not a terminal or its size is not known.
[[nodiscard]] std::optional<std::size_t> terminal_rows(int fd);
/// Columns of the terminal `fd`; nothing if it is not a terminal or its size is not known.
[[nodiscard]] std::optional<std::size_t> terminal_columns(int fd);

}  // namespace sallyport::cli
