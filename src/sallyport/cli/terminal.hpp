#pragma once
// The width of a terminal. A pure function without state, owned by no object; any thread.

#include <cstddef>
#include <optional>

namespace sallyport::cli {

/// Columns of the terminal `fd`; nothing if it is not a terminal or its size is not known.
[[nodiscard]] std::optional<std::size_t> terminal_columns(int fd);

}  // namespace sallyport::cli
