#pragma once
// sallyport doctor --listen: a counterpart on the other machine, to try a path before there is a server. It is the server of
// `serve` with an empty directory, anonymous login and SITE DOCTOR. Called once, on the main thread; what it makes ends with
// it.

#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::cli {

/// Runs until SIGINT or SIGTERM. `ports`: the passive ports; nothing: any free port. Returns the exit code.
[[nodiscard]] int listen_for_doctor(const std::vector<std::string>& addresses, const std::optional<port_range>& ports);

}  // namespace sallyport::cli
