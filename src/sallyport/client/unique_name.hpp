#pragma once
// The name that a server chose for an upload with STOU. A pure function; any thread.

#include <string>
#include <string_view>

namespace sallyport::client {

/// Found in the text that began the transfer ("FILE: name", RFC 1123, section 4.1.2.9) or in the one that ended it; empty if
/// neither has it.
[[nodiscard]] std::string unique_name_in(std::string_view beginning, std::string_view end);

}  // namespace sallyport::client
