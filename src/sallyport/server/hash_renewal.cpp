#include <sallyport/server/hash_renewal.hpp>

#include <utility>

#include <fmt/format.h>
#include <sodium.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/server/secret.hpp>
#include <sallyport/server/user_database.hpp>

namespace sallyport::server {
namespace {

/// The hash of the account, if it is one to be renewed, and of this password.
result<std::string> old_hash_of(const std::string& file, const std::string& name, std::string_view password) {
    auto database = user_database::open(file, database_access::read);
    if (!database) return std::unexpected(std::move(database.error()));
    auto user = database->find(name);
    if (!user) return std::unexpected(std::move(user.error()));
    if (!*user) return std::string();
    const auto known = parse_secret((*user)->password);
    if (!known || known->kind != secret_kind::crypt) return std::string();
    const auto is_right = matches_hash(known->text, password);
    if (!is_right) return std::unexpected(is_right.error());
    return *is_right ? std::move((*user)->password) : std::string();
}

}  // namespace

result<bool> renew_hash(const std::string& file, const std::string& name, std::string_view password) {
    const auto old = old_hash_of(file, name, password);
    if (!old) return std::unexpected(old.error());
    if (old->empty()) return false;
    auto renewed = make_hash(password);
    if (!renewed) return std::unexpected(std::move(renewed.error()));
    auto database = user_database::open(file, database_access::change);
    if (!database) return std::unexpected(std::move(database.error()));
    // Read again, now that no other program makes changes.
    auto user = database->find(name);
    if (!user) return std::unexpected(std::move(user.error()));
    if (!*user || (*user)->password != *old) return false;
    (*user)->password = std::move(*renewed);
    if (auto done = database->put(**user); !done) return std::unexpected(std::move(done.error()));
    if (auto done = database->commit(); !done) return std::unexpected(std::move(done.error()));
    return true;
}

void hash_renewal::submit(const std::string& name, const std::string& password, const work_owner& owner) {
    auto work = [this, name, secret = password](bool has_turn) mutable {
        if (has_turn) renew(name, secret);
        sodium_memzero(secret.data(), secret.size());
    };
    pool_.submit_if_place(std::move(work), owner);
}

void hash_renewal::renew(const std::string& name, std::string_view password) {
    const auto renewed = renew_hash(file_, name, password);
    if (!renewed) {
        auto failure = renewed.error().text();
        if (failure != last_failure_) log::warning({}, fmt::format("Hashes cannot be renewed: {}", failure));
        last_failure_ = std::move(failure);
    } else if (*renewed) {
        log::info({}, fmt::format("The hash of account '{}' was renewed", escape(name, 100)));
        last_failure_.clear();
    }
}

}  // namespace sallyport::server
