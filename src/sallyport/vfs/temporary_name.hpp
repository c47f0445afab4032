#pragma once
// The names that uploads in the making may have on a disk: ".sallyport-<16 hex digits>.part", hidden from every client.
//
// Most uploads have no name at all until they are complete (O_TMPFILE); these names are for file systems without it, and
// for the instant in which a finished upload replaces an old file. Pure functions; any thread.

#include <string>
#include <string_view>

namespace sallyport::vfs {

[[nodiscard]] bool is_temporary_name(std::string_view name) noexcept;

/// A fresh one from the system's random numbers.
[[nodiscard]] std::string make_temporary_name();

}  // namespace sallyport::vfs
