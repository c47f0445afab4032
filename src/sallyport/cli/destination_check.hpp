#pragma once
// Whether a gateway has servers to relay to, and whether its limits fit the way in which they are chosen. A pure function;
// any thread.

#include <sallyport/base/error.hpp>
#include <sallyport/gate/gate.hpp>

namespace sallyport::cli {

/// An error names the options and what to do. `max_account_guesses`: of --max-account-guesses; 0: no limit.
[[nodiscard]] result<void> check_destinations(const gate::settings& made, unsigned max_account_guesses);

}  // namespace sallyport::cli
