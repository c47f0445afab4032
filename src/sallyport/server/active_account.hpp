#pragma once
// The account with which a session has logged in, and what the session uses of its limits. A value of the session; loop
// thread only.

#include <memory>
#include <optional>

#include <sallyport/frontend/user_limit.hpp>
#include <sallyport/server/account.hpp>
#include <sallyport/server/rate_limit.hpp>

namespace sallyport::server {

struct active_account {
    // Never null; before the login, an account without rights.
    account_ptr who = std::make_shared<const account>();
    // If the number of its sessions is limited.
    std::optional<frontend::user_limit::user_slot> slot{};
    rate_limit upload{};
    rate_limit download{};
};

}  // namespace sallyport::server
