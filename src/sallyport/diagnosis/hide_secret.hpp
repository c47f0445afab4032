#pragma once
// Takes a password out of the facts of a session: some servers quote it in the reply that refuses it, or in a later one.
// Pure functions on values; any thread.

#include <string_view>

#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::diagnosis {

/// Replaces it in every text that a server can determine; sallyport/proto/secret_text.hpp says how.
void hide_secret(facts& known, std::string_view secret);

}  // namespace sallyport::diagnosis
