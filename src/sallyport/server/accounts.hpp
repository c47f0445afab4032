#pragma once
// The accounts of the server and the check of their passwords (AU-01, AU-03, AU-04).
//
// Plain passwords (`--user NAME:PASSWORD`) are stored as a BLAKE2b hash with a random key of this process. A slow hash would
// not protect them, since the hash never leaves the process and its memory is as readable as its command line, and it would
// limit logins to a few dozen per second. "$argon2id$" hashes, which are stored in files, are checked with argon2id. If one
// account has such a hash, every login takes equally long, whether the name is known or not.
//
// An immutable value; any thread.

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::server {

struct user {
    std::string name;
    // In the format of parse_secret(). If it is invalid, every login with this name is refused.
    std::string password;
    bool read_only = false;
};

/// A user who has logged in.
struct account {
    std::string name;
    bool anonymous = false;
    bool read_only = true;
};

class accounts {
public:
    /// Throws std::runtime_error if the system provides no random numbers.
    accounts(const std::vector<user>& users, bool anonymous);

    /// True if check() is slow (argon2id: about 0.1 s and 64 MiB). Then run it on a pool that limits how many run at a time.
    [[nodiscard]] bool is_slow(const proto::login_request& login) const noexcept {
        return !login.anonymous && !argon2id_.empty();
    }
    /// Returns the account, or errc::login_refused.
    [[nodiscard]] result<account> check(const proto::login_request& login) const;

private:
    using digest = std::array<unsigned char, 32>;
    struct record {
        bool read_only = false;
        bool locked = false;
        // The hash of a plain password.
        digest keyed{};
        // Or the argon2id hash as configured.
        std::string argon2id;
    };

    [[nodiscard]] digest hash(std::string_view password) const;

    digest key_{};
    std::unordered_map<std::string, record> users_;
    // One of the argon2id hashes, used for accounts without one so that the check takes the same time.
    std::string argon2id_;
    bool anonymous_;
};

}  // namespace sallyport::server
