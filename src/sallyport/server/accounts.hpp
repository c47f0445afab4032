#pragma once
// The accounts of the server and the check of their passwords (AU-01, AU-03, AU-04).
//
// Plain passwords (`--user NAME:PASSWORD`) are stored as a BLAKE2b hash with a random key of this process. A slow hash would
// not protect them, since the hash never leaves the process and its memory is as readable as its command line, and it would
// limit logins to a few dozen per second. Hashes, which are stored in files, are checked by their own functions. If accounts
// have hashes, each login computes one of every cost among them, so that it takes equally long whether the name is known or
// not: hashes of one kind are faster than hashes of several.
//
// Accounts that are stored elsewhere are looked up at each login, whatever the name; of two with one name, that of the
// settings is used. A name of neither may be that of a user of the system, whose password is checked elsewhere.
//
// An immutable value; any thread.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/account.hpp>
#include <sallyport/server/stored_accounts.hpp>

namespace sallyport::server {

struct user {
    account who;
    // In the format of parse_secret(). If it is invalid, every login with this name is refused.
    std::string password;
};

[[nodiscard]] user make_user(std::string name, std::string password, right_set rights);
/// Anonymous users with these rights.
[[nodiscard]] account make_anonymous(right_set rights = right_set::read_only());

/// Where a password is checked.
enum class check_place : std::uint8_t {
    // check() can be called on a loop.
    loop,
    // check() is slow (argon2id of 'sallyport user hash': about 0.1 s and 64 MiB) or may block. Run it on a pool that limits
    // how many run at a time.
    pool,
    // check() would only find that this is the name of a user of the system.
    system,
};

class accounts {
public:
    /// Throws std::runtime_error if the system provides no random numbers.
    /// `anonymous`: nothing if anonymous users may not log in. `stored`: nothing if all accounts are in `users`.
    /// `system_users`: other names are those of users of the system.
    accounts(const std::vector<user>& users, const std::optional<account>& anonymous, stored_accounts_ptr stored = nullptr,
             bool system_users = false);

    [[nodiscard]] check_place place_of_check(const proto::login_request& login) const;
    /// The account of the settings with this name, if it names the client's certificate, which has been verified and has
    /// these names; otherwise null.
    [[nodiscard]] account_ptr find_by_certificate(const proto::login_request& login,
                                                  const std::vector<std::string>& names) const;
    /// Returns the account, or errc::login_refused; null: the name is that of a user of the system. Other errors: the
    /// password cannot be checked.
    [[nodiscard]] result<account_ptr> check(const proto::login_request& login) const;

private:
    using digest = std::array<unsigned char, 32>;
    struct record {
        account_ptr who{};
        bool locked = false;
        // The hash of a plain password.
        digest keyed{};
        // Or the hash as configured, and its cost_of_hash().
        std::string stored{};
        std::string cost{};
    };

    [[nodiscard]] digest hash(std::string_view password) const;
    [[nodiscard]] record record_of(const std::string& password) const;
    /// Compares with the hashes of every cost, of which one is that of the record.
    [[nodiscard]] result<bool> matches(const record& r, std::string_view password,
                                       const std::map<std::string, std::string>& by_cost) const;
    [[nodiscard]] result<account_ptr> check_stored(const proto::login_request& login) const;

    digest key_{};
    std::unordered_map<std::string, record> users_;
    // One of the hashes of each cost, used for all other accounts so that the check takes the same time.
    std::map<std::string, std::string> by_cost_;
    account_ptr anonymous_;
    stored_accounts_ptr stored_;
    bool system_users_;
};

}  // namespace sallyport::server
