#pragma once
// Where programs keep files of their user (XDG Base Directory Specification). Functions without state, owned by no object;
// they read the environment, so no other thread may change it. An empty result is no error: there is no such place.

#include <string>

namespace sallyport::cli {

/// $XDG_CONFIG_HOME/sallyport, or ~/.config/sallyport; empty if neither variable is an absolute path.
[[nodiscard]] std::string config_directory();

/// $XDG_STATE_HOME/sallyport, or ~/.local/state/sallyport; empty if neither variable is an absolute path.
[[nodiscard]] std::string state_directory();

}  // namespace sallyport::cli
