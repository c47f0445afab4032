#pragma once
// Which entries of a server find prints. Values and pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::cli {

struct find_filter {
    /// A pattern for the name (client/glob.hpp); empty: any.
    std::string name;
    std::optional<proto::entry_type> type;
    /// Seconds since 1970. An entry without a time is neither newer nor older.
    std::optional<std::int64_t> newer_than;
    std::optional<std::int64_t> older_than;

    [[nodiscard]] bool admits(const proto::entry& e) const;
};

/// "12h", "7d": so long before `now`. "2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00:30": UTC.
[[nodiscard]] result<std::int64_t> parse_moment(std::string_view text, std::int64_t now);

}  // namespace sallyport::cli
