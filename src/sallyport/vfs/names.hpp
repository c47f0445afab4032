#pragma once
// User and group names for listings, looked up once per id and kept as long as the process lives. May block: use it on a
// worker pool. Any thread.

#include <cstdint>
#include <string>

namespace sallyport::vfs {

/// The name of a user or group, or the number where it has none.
[[nodiscard]] std::string user_name(std::uint32_t id);
[[nodiscard]] std::string group_name(std::uint32_t id);

}  // namespace sallyport::vfs
