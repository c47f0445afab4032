#pragma once
// The account with which a session has logged in, and what the session uses of its limits. A value of the session; loop
// thread only.

#include <memory>
#include <optional>
#include <utility>

#include <sallyport/frontend/user_limit.hpp>
#include <sallyport/server/account.hpp>
#include <sallyport/server/directory_messages.hpp>
#include <sallyport/server/rate_limit.hpp>

namespace sallyport::server {

struct active_account {
    // Never null; before the login, an account without rights.
    account_ptr who = std::make_shared<const account>();
    // If the number of its sessions is limited.
    std::optional<frontend::user_limit::user_slot> slot{};
    rate_limit upload{};
    rate_limit download{};
    directory_messages messages{};

    /// After a login.
    void become(account_ptr account_of_login) {
        who = std::move(account_of_login);
        upload = rate_limit(who->rates.upload);
        download = rate_limit(who->rates.download);
        messages = {};
    }
};

}  // namespace sallyport::server
