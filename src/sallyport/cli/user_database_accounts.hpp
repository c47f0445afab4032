#pragma once
// The accounts of a database as the server uses them (--users): their settings are read as the sections of the configuration
// file are, with its groups and defaults.
//
// The settings of the server own it. Any thread; every call opens the database, so that one that was replaced is noticed,
// and may block on the disk for a limited time.

#include <memory>
#include <string>
#include <vector>

#include <sallyport/cli/account_sections.hpp>
#include <sallyport/server/stored_accounts.hpp>
#include <sallyport/server/user_database.hpp>

namespace sallyport::cli {

/// Reads the settings of one account. The error names the file, the account and the key.
[[nodiscard]] result<account_section> read_stored_settings(const std::string& file, const std::string& name,
                                                           const std::string& settings);

/// `directory` is the shared one.
[[nodiscard]] server::stored_accounts_ptr accounts_of_database(std::string file, account_sections sections,
                                                               std::string directory, vfs::sync_policy sync);

/// The homes outside of `directory`, of accounts whose settings can be read.
[[nodiscard]] result<std::vector<std::string>> homes_of_database(const std::string& file, const account_sections& sections,
                                                                 const std::string& directory);

}  // namespace sallyport::cli
