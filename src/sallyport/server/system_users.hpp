#pragma once
// Users of the system as accounts of the server: PAM checks their passwords (helper/pam_client.hpp), and the configuration
// says what they may do.
//
// A value of the settings. The functions may be called on any thread, and do not block.

#include <functional>
#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/helper/pam_client.hpp>
#include <sallyport/server/account.hpp>

namespace sallyport::server {

struct system_users {
    // Nothing until the daemon has set it: then there is no login.
    std::shared_ptr<const helper::pam_client> pam{};
    /// Whether the configuration lets a user with this name log in.
    std::function<bool(const std::string& name)> is_admitted{};
    /// After the right password. `home`: the home directory that the system has for the user.
    std::function<result<account>(const std::string& name, const std::string& home)> account_of{};
};

}  // namespace sallyport::server
