#pragma once
// Values of options that name a Unix socket: "PATH", or "PATH?group=GROUP&mode=MODE". Values that the options own; pure
// functions, except that the name of a group is looked up; the main thread. An error has the cause and the next step.

#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/ops/metrics_server.hpp>
#include <sallyport/ops/unix_listener.hpp>

namespace sallyport::cli {

/// With a group, but without a mode, the group may connect too.
[[nodiscard]] result<ops::socket_place> parse_socket_place(std::string_view text);

option_value socket_path(ops::socket_place& into);
/// "ADDRESS:PORT" or the path of a Unix socket, which contains a slash.
option_value address_or_socket(std::optional<ops::metrics_place>& into);

/// For the help of an option that names a socket.
[[nodiscard]] std::vector<parameter_row> socket_parameters();

}  // namespace sallyport::cli
