#pragma once
// Texts of files that the server shows in its replies: banner, login text, and those of directories.
//
// Pure functions; any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

// What is shown of a text: more than terminals show at a time, and less than the replies that clients accept.
inline constexpr std::size_t max_text_lines = 200;
inline constexpr std::size_t max_text_size = 8 * 1024;

/// The lines of a text for a reply, up to max_text_lines, without line ends and without blanks at the end of the
/// text. A tab becomes a blank, and any other control character '?': terminals execute them, and they could end a line.
[[nodiscard]] std::vector<std::string> text_lines(std::string_view text);

/// A reply that shows `lines` before its own text.
[[nodiscard]] reply with_lines(std::vector<std::string> lines, reply r);

}  // namespace sallyport::proto
