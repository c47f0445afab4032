#include <sallyport/server/hash_renewal.hpp>

#include <filesystem>
#include <string>
#include <thread>

#include <crypt.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sallyport/server/secret.hpp>
#include <sallyport/server/user_database.hpp>
#include <support/eventually.hpp>

namespace sallyport::server {
namespace {

class hash_renewal_test : public testing::Test {
protected:
    hash_renewal_test() { std::filesystem::create_directories(folder_); }
    ~hash_renewal_test() override { std::filesystem::remove_all(folder_); }

    static std::string quick_hash(const char* password) { return ::crypt(password, "$5$rounds=1000$saltsalt$"); }
    void put_account(const std::string& name, const std::string& hash, const std::string& settings = {}) const {
        auto database = user_database::open(file_, database_access::create);
        ASSERT_TRUE(database) << database.error().text();
        ASSERT_TRUE(database->put({name, hash, settings}));
        ASSERT_TRUE(database->commit());
    }
    stored_user account(const std::string& name) const {
        return user_database::open(file_, database_access::read)->find(name).value().value();
    }

    std::filesystem::path folder_ =
        std::filesystem::path(testing::TempDir()) / ("sallyport_renewal_" + std::to_string(getpid()));
    std::string file_ = folder_ / "users.db";
};

TEST_F(hash_renewal_test, another_hash_becomes_argon2id) {
    put_account("bob", quick_hash("secret"), "home = 'in'");
    EXPECT_EQ(renew_hash(file_, "bob", "secret"), true);
    const auto bob = account("bob");
    EXPECT_TRUE(bob.password.starts_with("$argon2id$")) << bob.password;
    EXPECT_EQ(bob.settings, "home = 'in'");
    EXPECT_EQ(matches_hash(bob.password, "secret"), true);
    EXPECT_EQ(renew_hash(file_, "bob", "secret"), false) << "it has been renewed";
}

TEST_F(hash_renewal_test, nothing_else_is_changed) {
    put_account("bob", quick_hash("secret"));
    EXPECT_EQ(renew_hash(file_, "bob", "other"), false);
    EXPECT_EQ(renew_hash(file_, "eve", "secret"), false);
    EXPECT_EQ(account("bob").password, quick_hash("secret"));
}

TEST_F(hash_renewal_test, failures_are_reported) {
    EXPECT_FALSE(renew_hash(file_, "bob", "secret")) << "there is no database";
    put_account("bob", quick_hash("secret"));
    std::filesystem::create_directory(file_ + ".new");
    EXPECT_FALSE(renew_hash(file_, "bob", "secret"));
    EXPECT_EQ(account("bob").password, quick_hash("secret"));
}

TEST_F(hash_renewal_test, changes_at_the_same_time_are_kept) {
    put_account("bob", quick_hash("secret"));
    hash_renewal renewing(file_);
    std::thread changing([this] {
        for (int i = 0; i < 20; ++i) put_account("new" + std::to_string(i), quick_hash("x"));
    });
    renewing.submit("bob", "secret", {});
    changing.join();
    EXPECT_TRUE(testing::eventually([this] { return account("bob").password.starts_with("$argon2id$"); }));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(account("new" + std::to_string(i)).password, quick_hash("x"));
}

}  // namespace
}  // namespace sallyport::server
