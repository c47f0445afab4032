#pragma once
// Writes JSON for people: one member a line, short values of one level on one line. Private to this directory. Pure
// functions; any thread.

#include <string>

#include <boost/json/value.hpp>

namespace sallyport::diagnosis {

/// Ends with a line break. Bytes that are not valid UTF-8, and control characters, are escaped.
[[nodiscard]] std::string readable_json(const boost::json::value& value);

}  // namespace sallyport::diagnosis
