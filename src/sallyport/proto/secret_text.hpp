#pragma once
// A password in the text of a peer: some servers quote it in the reply that refuses it. Pure functions; any thread.

#include <string>
#include <string_view>

namespace sallyport::proto {

/// The text with "***" in each place of the secret. A secret of less than four bytes is replaced only where it is a word of
/// its own: "no" is part of many words.
[[nodiscard]] std::string without_secret(std::string text, std::string_view secret);

}  // namespace sallyport::proto
