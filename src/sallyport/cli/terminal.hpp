#pragma once
// The width of a terminal. A function without state, for any thread; it keeps nothing.

#include <cstddef>
#include <optional>

namespace sallyport::cli {

/// The columns of the terminal that descriptor `fd` is; nothing: it is no terminal, or its size is not known.
[[nodiscard]] std::optional<std::size_t> terminal_columns(int fd);

}  // namespace sallyport::cli
