#pragma once
// Completes the word at the end of a line of the shell: commands, options, and names on the server and on this machine.
// A function that keeps no state, owned by no object; the main thread. What cannot be read has no names: there are no
// errors.

#include <optional>
#include <string_view>

#include <sallyport/cli/line_editor.hpp>
#include <sallyport/cli/remote_names.hpp>
#include <sallyport/cli/shell_arguments.hpp>

namespace sallyport::cli {

/// `typed`: up to the cursor. `names`: null if there is no connection. Nothing if no name is known that fits.
[[nodiscard]] std::optional<completion> complete_line(std::string_view typed, const shell_place& place, remote_names* names);

}  // namespace sallyport::cli
