#pragma once
// The interface of accounts that are kept outside of the settings and looked up at each login, so that a change is in force
// at the next one.
//
// Shared by the settings and by sessions that log in. Any thread, several at a time; may block for a limited time, so it is
// used on the pool of password checks. An error is never a wrong password: the session ends with 421, and the log has it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/server/account.hpp>

namespace sallyport::server {

struct found_account {
    // A hash for parse_secret(); nothing: there is no such account.
    std::optional<std::string> password;
    // What account_of() reads.
    std::string settings;
    // One hash of each cost_of_hash() among all accounts, so that a check takes equally long for every name (AU-01).
    std::vector<std::string> one_hash_of_each_cost;
};

class stored_accounts {
public:
    virtual ~stored_accounts() = default;
    [[nodiscard]] virtual result<found_account> find(const std::string& name) const = 0;
    /// After the right password: what the settings of that account mean.
    [[nodiscard]] virtual result<account> account_of(const std::string& name, const std::string& settings) const = 0;
};

using stored_accounts_ptr = std::shared_ptr<const stored_accounts>;

}  // namespace sallyport::server
