#pragma once
// Test support: a listing entry as one line of text, and parsers of single lines that return that text.
//
// Pure functions; any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {

inline constexpr std::int64_t test_now = *to_seconds({2026, 6, 15, 12, 0, 0});

/// "type size time name[ -> target]", with '?' for what the line does not contain.
inline std::string text_of(const entry& e) {
    constexpr std::string_view letters = "-dcpl?";
    std::string out(1, letters[static_cast<std::size_t>(e.type)]);
    out += " " + (e.has_size ? std::to_string(e.size) : "?") + " " + (e.has_modified ? format_time(e.modified) : "?");
    out += " [" + e.name + "]";
    return e.link_target.empty() ? out : out + " -> [" + e.link_target + "]";
}

inline std::string list(std::string_view line, std::int64_t at = test_now) {
    const auto e = parse_list_line(line, at);
    return e ? text_of(*e) : "nothing";
}

inline std::string mlsx(std::string_view line) {
    const auto e = parse_mlsx(line);
    return e ? text_of(*e) : "nothing";
}

}  // namespace sallyport::proto
