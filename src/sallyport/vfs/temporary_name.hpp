#pragma once
// The temporary names of uploads on a disk: ".sallyport-<16 hex digits>.part", hidden from all clients.
//
// Most uploads have no name until they are complete (O_TMPFILE); these names are for file systems without it, and for the
// short time in which a finished upload replaces an old file. Pure functions; any thread.

#include <string>
#include <string_view>

namespace sallyport::vfs {

[[nodiscard]] bool is_temporary_name(std::string_view name) noexcept;

/// A new name from the system's random numbers.
[[nodiscard]] std::string make_temporary_name();

}  // namespace sallyport::vfs
