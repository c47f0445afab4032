#pragma once
// Files and directories of servers as text and JSON, for ls, stat and find. Pure functions; any thread.

#include <string>
#include <string_view>

#include <sallyport/proto/listing.hpp>

namespace sallyport::cli {

/// "file", "directory", "link" or "other".
[[nodiscard]] std::string_view type_name(proto::entry_type t) noexcept;
/// A name or path for standard output: escaped on a terminal, unchanged in a pipe.
[[nodiscard]] std::string display_text(std::string_view name);
/// "- 1024 2026-01-02 15:04  name", in columns.
[[nodiscard]] std::string long_line(const proto::entry& e);
/// The members "name" to "modified" of a JSON object; `name` may be a path.
[[nodiscard]] std::string entry_members(std::string_view name, const proto::entry& e);

}  // namespace sallyport::cli
