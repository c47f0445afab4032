#pragma once
// Texts for the causes of failures in client/cause, with the options and commands of this program that help. Pure
// functions on values; any thread.

#include <string>
#include <vector>

#include <sallyport/client/client.hpp>

namespace sallyport::cli {

/// Sentences for the user; empty if there is no advice. They may contain a path, so they must be escaped before display.
[[nodiscard]] std::string advice_text(const std::vector<client::advice>& causes);

/// One escaped line: the action, the error, the next step.
[[nodiscard]] std::string failure_line(const client::failure& f);

}  // namespace sallyport::cli
