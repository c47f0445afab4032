#include <sallyport/server/accounts.hpp>

#include <stdexcept>
#include <utility>

#include <sodium.h>

#include <sallyport/server/secret.hpp>

namespace sallyport::server {

user make_user(std::string name, std::string password, right_set rights) {
    return {.who = {.name = std::move(name), .rights = rights}, .password = std::move(password)};
}

account make_anonymous(right_set rights) { return {.name = "anonymous", .anonymous = true, .rights = rights}; }

accounts::accounts(const std::vector<user>& users, const std::optional<account>& anonymous)
    : anonymous_(anonymous ? std::make_shared<account>(*anonymous) : nullptr) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium found no source of random numbers; is /dev/urandom there?");
    randombytes_buf(key_.data(), key_.size());
    for (const user& u : users) {
        auto given = parse_secret(u.password);
        record r{.who = std::make_shared<account>(u.who), .locked = !given};
        if (given && given->kind == secret_kind::plain) {
            r.keyed = hash(given->text);
        } else if (given) {
            r.cost = cost_of_hash(given->text);
            r.stored = std::move(given->text);
            by_cost_.try_emplace(r.cost, r.stored);
        }
        users_.insert_or_assign(u.who.name, std::move(r));
    }
}

accounts::digest accounts::hash(std::string_view password) const {
    digest out{};
    const auto* bytes = reinterpret_cast<const unsigned char*>(password.data());
    crypto_generichash(out.data(), out.size(), bytes, password.size(), key_.data(), key_.size());
    return out;
}

result<account_ptr> accounts::check(const proto::login_request& login) const {
    if (login.anonymous) {
        if (!anonymous_) return fail(errc::login_refused);
        return anonymous_;
    }
    // Every step is done for every name, so that the duration reveals nothing (AU-01).
    static const record unknown_user{.locked = true};
    const auto found = users_.find(login.user);
    const record& r = found == users_.end() ? unknown_user : found->second;
    const digest given = hash(login.password);
    const bool password_matches = sodium_memcmp(given.data(), r.keyed.data(), given.size()) == 0;
    bool matches = r.stored.empty() && password_matches;
    for (const auto& [cost, example] : by_cost_) {
        const bool is_own = !r.stored.empty() && cost == r.cost;
        const result<bool> hash_matches = matches_hash(is_own ? r.stored : example, login.password);
        // For every name, as above.
        if (!hash_matches) return std::unexpected(hash_matches.error());
        if (is_own) matches = *hash_matches;
    }
    if (r.locked || !matches) return fail(errc::login_refused);
    return r.who;
}

}  // namespace sallyport::server
