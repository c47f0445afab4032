#include <sallyport/server/accounts.hpp>

#include <stdexcept>

#include <sodium.h>

namespace sallyport::server {
namespace {

constexpr std::string_view argon2id_prefix = "$argon2id$";

bool fits_argon2id(const std::string& hash, std::string_view password) {
    return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

}  // namespace

accounts::accounts(const std::vector<user>& users, bool anonymous) : anonymous_(anonymous) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium found no source of random numbers; is /dev/urandom there?");
    randombytes_buf(key_.data(), key_.size());
    for (const user& u : users) {
        record r{.read_only = u.read_only, .locked = u.password.empty(), .keyed = hash(u.password), .argon2id = {}};
        if (u.password.starts_with(argon2id_prefix)) argon2id_ = r.argon2id = u.password;
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
    // Every name goes through every step, so that the time tells nothing (AU-01).
    static const record nobody{.locked = true, .argon2id = {}};
    const auto found = users_.find(login.user);
    const record& r = found == users_.end() ? nobody : found->second;
    const digest given = hash(login.password);
    const bool fits_clear = sodium_memcmp(given.data(), r.keyed.data(), given.size()) == 0;
    const bool fits_hash = !argon2id_.empty() && fits_argon2id(r.argon2id.empty() ? argon2id_ : r.argon2id, login.password);
    const bool fits = r.argon2id.empty() ? fits_clear : fits_hash;
    if (r.locked || !fits) return fail(errc::login_refused);
    return account{.name = login.user, .anonymous = false, .read_only = r.read_only};
}

}  // namespace sallyport::server
