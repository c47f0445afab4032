#include <sallyport/server/accounts.hpp>

#include <stdexcept>

#include <sodium.h>

#include <sallyport/server/secret.hpp>

namespace sallyport::server {
accounts::accounts(const std::vector<user>& users, bool anonymous) : anonymous_(anonymous) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium found no source of random numbers; is /dev/urandom there?");
    randombytes_buf(key_.data(), key_.size());
    for (const user& u : users) {
        auto given = parse_secret(u.password);
        record r{.read_only = u.read_only, .locked = !given, .argon2id = {}};
        if (given && given->is_argon2id)
            argon2id_ = r.argon2id = std::move(given->text);
        else if (given)
            r.keyed = hash(given->text);
        users_.insert_or_assign(u.name, std::move(r));
    }
}

accounts::digest accounts::hash(std::string_view password) const {
    digest out{};
    const auto* bytes = reinterpret_cast<const unsigned char*>(password.data());
    crypto_generichash(out.data(), out.size(), bytes, password.size(), key_.data(), key_.size());
    return out;
}

result<account> accounts::check(const proto::login_request& login) const {
    if (login.anonymous) {
        if (!anonymous_) return fail(errc::login_refused);
        return account{.name = "anonymous", .anonymous = true, .read_only = true};
    }
    // Every step is done for every name, so that the duration reveals nothing (AU-01).
    static const record unknown_user{.locked = true, .argon2id = {}};
    const auto found = users_.find(login.user);
    const record& r = found == users_.end() ? unknown_user : found->second;
    const digest given = hash(login.password);
    const bool password_matches = sodium_memcmp(given.data(), r.keyed.data(), given.size()) == 0;
    result<bool> hash_matches = false;
    if (!argon2id_.empty()) hash_matches = matches_argon2id(r.argon2id.empty() ? argon2id_ : r.argon2id, login.password);
    // For every name, as above.
    if (!hash_matches) return std::unexpected(hash_matches.error());
    const bool matches = r.argon2id.empty() ? password_matches : *hash_matches;
    if (r.locked || !matches) return fail(errc::login_refused);
    return account{.name = login.user, .anonymous = false, .read_only = r.read_only};
}

}  // namespace sallyport::server
