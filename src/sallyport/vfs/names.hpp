#pragma once
// User and group names for listings, looked up once per ID and cached as long as the process lives. May block: call it on a
// worker pool. Any thread.

#include <cstdint>
#include <string>

namespace sallyport::vfs {

/// The name of a user or group, or its number if it has no name.
[[nodiscard]] std::string user_name(std::uint32_t id);
[[nodiscard]] std::string group_name(std::uint32_t id);

}  // namespace sallyport::vfs
