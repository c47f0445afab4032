#include <sallyport/server/accounts.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <sodium.h>

#include <sallyport/server/secret.hpp>

namespace sallyport::server {

user make_user(std::string name, std::string password, right_set rights) {
    return {.who = {.name = std::move(name), .rights = rights}, .password = std::move(password)};
}

account make_anonymous(right_set rights) { return {.name = "anonymous", .anonymous = true, .rights = rights}; }

accounts::accounts(const std::vector<user>& users, const std::optional<account>& anonymous, stored_accounts_ptr stored,
                   bool system_users)
    : anonymous_(anonymous ? std::make_shared<account>(*anonymous) : nullptr),
      stored_(std::move(stored)),
      system_users_(system_users) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium found no source of random numbers; is /dev/urandom there?");
    randombytes_buf(key_.data(), key_.size());
    for (const user& u : users) {
        record r = record_of(u.password);
        r.who = std::make_shared<account>(u.who);
        if (!r.stored.empty()) by_cost_.try_emplace(r.cost, r.stored);
        users_.insert_or_assign(u.who.name, std::move(r));
    }
}

accounts::record accounts::record_of(const std::string& password) const {
    auto given = parse_secret(password);
    record out{.locked = !given};
    if (given && given->kind == secret_kind::plain) {
        out.keyed = hash(given->text);
    } else if (given) {
        out.cost = cost_of_hash(given->text);
        out.stored = std::move(given->text);
    }
    return out;
}

accounts::digest accounts::hash(std::string_view password) const {
    digest out{};
    const auto* bytes = reinterpret_cast<const unsigned char*>(password.data());
    crypto_generichash(out.data(), out.size(), bytes, password.size(), key_.data(), key_.size());
    return out;
}

// Every step is done for every name, so that the duration reveals nothing (AU-01).
result<bool> accounts::matches(const record& r, std::string_view password,
                               const std::map<std::string, std::string>& by_cost) const {
    const digest given = hash(password);
    const bool password_matches = sodium_memcmp(given.data(), r.keyed.data(), given.size()) == 0;
    bool out = r.stored.empty() && password_matches;
    for (const auto& [cost, example] : by_cost) {
        const bool is_own = !r.stored.empty() && cost == r.cost;
        const result<bool> hash_matches = matches_hash(is_own ? r.stored : example, password);
        if (!hash_matches) return hash_matches;
        if (is_own) out = *hash_matches;
    }
    return out && !r.locked;
}

account_ptr accounts::find_by_certificate(const proto::login_request& login, const std::vector<std::string>& names) const {
    const auto found = login.anonymous ? users_.end() : users_.find(login.user);
    if (found == users_.end()) return nullptr;
    const auto& accepted = found->second.who->certificates;
    const bool has_one = std::ranges::find_first_of(accepted, names) != accepted.end();
    return has_one ? found->second.who : nullptr;
}

check_place accounts::place_of_check(const proto::login_request& login) const {
    if (login.anonymous) return check_place::loop;
    if (stored_) return check_place::pool;
    if (system_users_ && !users_.contains(login.user)) return check_place::system;
    return by_cost_.empty() ? check_place::loop : check_place::pool;
}

result<account_ptr> accounts::check(const proto::login_request& login) const {
    if (login.anonymous) {
        if (!anonymous_) return fail(errc::login_refused);
        return anonymous_;
    }
    if (place_of_check(login) == check_place::system) return account_ptr();
    if (stored_) return check_stored(login);
    static const record unknown_user{.locked = true};
    const auto found = users_.find(login.user);
    const record& r = found == users_.end() ? unknown_user : found->second;
    const auto good = matches(r, login.password, by_cost_);
    if (!good) return std::unexpected(good.error());
    if (!*good) return fail(errc::login_refused);
    return r.who;
}

result<account_ptr> accounts::check_stored(const proto::login_request& login) const {
    const auto stored = stored_->find(login.user);
    if (!stored) return std::unexpected(stored.error());
    const auto found = users_.find(login.user);
    if (system_users_ && found == users_.end() && !stored->password) return account_ptr();
    record r = found != users_.end() ? found->second : record_of(stored->password.value_or(std::string()));
    auto by_cost = by_cost_;
    for (const auto& example : stored->one_hash_of_each_cost)
        if (parse_secret(example)) by_cost.try_emplace(cost_of_hash(example), example);
    // Of an account that was added since the others were read.
    if (!r.stored.empty()) by_cost.try_emplace(r.cost, r.stored);
    const auto good = matches(r, login.password, by_cost);
    if (!good) return std::unexpected(good.error());
    if (!*good) return fail(errc::login_refused);
    if (r.who) return r.who;
    auto read = stored_->account_of(login.user, stored->settings);
    if (!read) return std::unexpected(std::move(read.error()));
    return std::make_shared<const account>(std::move(*read));
}

}  // namespace sallyport::server
