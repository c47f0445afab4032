#pragma once
// Points in time as text, in UTC. Pure functions, owned by no object; any thread. Errors: none; of a time that no calendar
// has, the text is that of 1970.

#include <cstdint>
#include <string>

namespace sallyport::cli {

/// "2026-01-02" of seconds since 1970.
[[nodiscard]] std::string utc_date(std::int64_t seconds);
/// "2026-01-02 15:04".
[[nodiscard]] std::string utc_minute(std::int64_t seconds);
/// "2026-01-02T15:04:05Z".
[[nodiscard]] std::string iso_time(std::int64_t seconds);

}  // namespace sallyport::cli
