#pragma once
// The words for what the client library finds out about a failure: the causes of client/cause, with the options and commands
// of this program that help. Pure functions; any thread.

#include <string>
#include <vector>

#include <sallyport/client/client.hpp>

namespace sallyport::cli {

/// Sentences for a person; empty where there is nothing to advise. Escape before showing: they may hold a path.
[[nodiscard]] std::string advice_text(const std::vector<client::advice>& causes);

/// One line, made safe to show: what was being done, the error, the next step.
[[nodiscard]] std::string failure_line(const client::failure& f);

}  // namespace sallyport::cli
