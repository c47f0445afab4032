#pragma once
// A configuration file with every key of a command, each with its meaning and default, and none in effect. Pure function;
// any thread.

#include <string>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// Lines that begin with "# " are text; those that begin with "#" and a key are settings, with their default or, if a key
/// has none that can be written, with the form of the value. Empty for a command without a configuration file.
[[nodiscard]] std::string sample_file(const CLI::App& command);

}  // namespace sallyport::cli
