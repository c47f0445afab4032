#pragma once
// Opens the home of an account at its login; the session owns the result. A function without state; the loop's thread.

#include <sallyport/server/account.hpp>
#include <sallyport/server/disk_access.hpp>

namespace sallyport::server {

/// The account with its files open, for one login. `disk` outlives the call. An error is that of
/// opening the directory.
[[nodiscard]] net::task<result<account_ptr>> open_home(const disk_access& disk, account_ptr user);

}  // namespace sallyport::server
