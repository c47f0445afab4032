#pragma once
// Who may log in, and with what (AU-01, AU-03, AU-04).
//
// Passwords given in clear (`--user NAME:PASSWORD`) are kept only as a BLAKE2b hash under a random key of this process. No
// slow hash for those: the hash never leaves the process, and whoever can read its memory can read the command line too,
// while a slow hash would cap logins at a few dozen a second. "$argon2id$" hashes, which do lie in files, are checked with
// argon2id; where there is one such user, every login of a name takes as long, known or not. Immutable; any thread.

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/server_machine.hpp>

namespace sallyport::server {

struct user {
    std::string name;
    std::string password;  // as parse_secret() reads it; where it refuses, nobody logs in by this name
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
    /// Throws std::runtime_error where no random numbers are to be had.
    accounts(const std::vector<user>& users, bool anonymous);

    /// True where check() takes long (argon2id: about 0.1 s and 64 MiB): run it on a pool that bounds how many at a time.
    [[nodiscard]] bool is_slow(const proto::login_request& login) const noexcept {
        return !login.anonymous && !argon2id_.empty();
    }
    /// errc::login_refused.
    [[nodiscard]] result<account> check(const proto::login_request& login) const;

private:
    using digest = std::array<unsigned char, 32>;
    struct record {
        bool read_only = false;
        bool locked = false;
        digest keyed{};        // of a password given in clear
        std::string argon2id;  // or its hash, as it was given
    };

    [[nodiscard]] digest hash(std::string_view password) const;

    digest key_{};
    std::unordered_map<std::string, record> users_;
    std::string argon2id_;  // one of the hashes, for those who have none: the time must be the same
    bool anonymous_;
};

}  // namespace sallyport::server
