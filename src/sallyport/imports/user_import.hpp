#pragma once
// Accounts from the files of other servers, for a database or a configuration file: lines of htpasswd, /etc/shadow, ftpasswd
// (ProFTPD) and pure-pw (Pure-FTPd), told apart by the number of their fields. Pure functions on values; any thread.
//
// Hashes stay as they are. Each account has one line in the report, with what was dropped or why it was left out.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/server/user_database.hpp>

namespace sallyport::imports {

struct user_import {
    std::vector<server::stored_user> users;
    // One line for each account, escaped.
    std::vector<std::string> report;
    // An account was left out because of its hash, or may do more than before.
    bool has_losses = false;
};

/// A line of another format is an error with its number.
[[nodiscard]] result<user_import> import_users(std::string_view text);

}  // namespace sallyport::imports
