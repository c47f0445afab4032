#pragma once
// Completions of the command line for bash, zsh and fish, from the tables of options: commands, options, values that are one
// of a list, and file names. Pure functions; any thread. The commands must outlive the call.

#include <string>

namespace CLI {
class App;
}

namespace sallyport::cli {

[[nodiscard]] std::string bash_completion(const CLI::App& program);
[[nodiscard]] std::string zsh_completion(const CLI::App& program);
[[nodiscard]] std::string fish_completion(const CLI::App& program);

}  // namespace sallyport::cli
