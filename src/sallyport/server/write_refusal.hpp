#pragma once
// The reason for a client whose account may write, if the file system refuses the change to the user of this process.
//
// A pure function; any thread.

#include <sallyport/base/error.hpp>

namespace sallyport::server {

/// Whether the file system, and not the account or a rule of this server, refused the change.
[[nodiscard]] bool is_refused_to_process(const error& e) noexcept;

/// Adds the reason to such an error, for the reply; returns any other error as it is.
[[nodiscard]] error with_reason_of_refusal(error e);

}  // namespace sallyport::server
