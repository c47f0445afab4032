#pragma once
// The values in the status of a daemon as text and numbers. Pure functions; any thread.

#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <boost/json/value.hpp>

namespace sallyport::cli {

/// "-" if it is no text.
[[nodiscard]] inline std::string words(const boost::json::value& v) {
    return v.is_string() ? std::string(v.get_string()) : "-";
}
[[nodiscard]] inline double number(const boost::json::value& v) { return v.is_number() ? v.to_number<double>() : 0; }
[[nodiscard]] inline std::uint64_t count(const boost::json::value& v) { return v.to_number<std::uint64_t>(); }

/// "5 s", "3 min", "2 h 10 min", "4 d 3 h".
[[nodiscard]] inline std::string span_text(const boost::json::value& v) {
    if (!v.is_number()) return "-";
    const auto s = static_cast<std::uint64_t>(number(v));
    if (s < 120) return fmt::format("{} s", s);
    if (s < 7200) return fmt::format("{} min", s / 60);
    if (s < 172800) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
    return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

}  // namespace sallyport::cli
