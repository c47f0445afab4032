#include <sallyport/server/user_database.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <sallyport/vfs/test_disk.hpp>

namespace sallyport::server {
namespace {

namespace fs = std::filesystem;
using access = database_access;

constexpr auto md5_hash = "$1$saltsalt$9xy1btjgzLYfb7hivXtC//";
constexpr auto other_md5_hash = "$1$saltsalu$9xy1btjgzLYfb7hivXtC//";
constexpr auto sha512_hash =
    "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/"
    "otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/";

class user_database_test : public testing::Test {
protected:
    user_database_test() { fs::create_directories(directory_); }
    ~user_database_test() override { fs::remove_all(directory_); }

    void put(const std::vector<stored_user>& users) const {
        auto database = user_database::open(file_, access::create);
        ASSERT_TRUE(database) << database.error().text();
        for (const auto& user : users) ASSERT_TRUE(database->put(user));
        ASSERT_TRUE(database->commit());
    }
    std::string failure(access how = access::read) const {
        const auto opened = user_database::open(file_, how);
        return opened ? "none" : opened.error().text();
    }
    void run(const char* sql) const {
        sqlite3* connection = nullptr;
        ASSERT_EQ(sqlite3_open(file_.c_str(), &connection), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(connection);
    }

    fs::path directory_ = fs::path(testing::TempDir()) / ("sallyport users?#%" + std::to_string(getpid()));
    std::string file_ = directory_ / "users.db";
};

const stored_user bob{"bob", md5_hash, "home = 'in'"};
const stored_user eve{"eve", sha512_hash, ""};

TEST_F(user_database_test, accounts_are_kept) {
    put({eve, bob});
    auto database = user_database::open(file_, access::read);
    ASSERT_TRUE(database) << database.error().text();
    EXPECT_EQ(database->find("bob").value(), bob);
    EXPECT_EQ(database->find("Bob").value(), std::nullopt);
    EXPECT_EQ(database->find("bob' OR 1=1 --").value(), std::nullopt);
    EXPECT_EQ(database->all().value(), (std::vector{bob, eve}));
    EXPECT_EQ(database->put(eve).error().code, errc::permission);
    EXPECT_EQ(fs::status(file_).permissions() & fs::perms::others_all, fs::perms::none);
}

TEST_F(user_database_test, a_reader_keeps_its_state_and_waits_for_no_change) {
    put({bob});
    auto writer = user_database::open(file_, access::change);
    auto reader = user_database::open(file_, access::read);
    ASSERT_TRUE(reader && writer);
    ASSERT_TRUE(writer->put({"bob", sha512_hash, "changed"}));
    EXPECT_TRUE(writer->remove("bob").value());
    EXPECT_FALSE(writer->remove("bob").value());
    EXPECT_EQ(reader->find("bob").value(), bob);
    EXPECT_EQ(user_database::open(file_, access::read)->find("bob").value(), bob);
    ASSERT_TRUE(writer->commit());
    EXPECT_EQ(reader->find("bob").value(), bob);
    EXPECT_EQ(user_database::open(file_, access::read)->find("bob").value(), std::nullopt);
}

TEST_F(user_database_test, changes_without_commit_are_none) {
    put({bob});
    {
        auto writer = user_database::open(file_, access::change);
        ASSERT_TRUE(writer && writer->put(eve));
    }
    EXPECT_EQ(user_database::open(file_, access::read)->all().value(), std::vector{bob});
    EXPECT_EQ(std::ranges::distance(fs::directory_iterator(directory_)), 1) << "no copy is left";
}

TEST_F(user_database_test, what_a_killed_command_has_left_does_no_harm) {
    put({bob});
    std::ofstream(file_ + ".new") << "half of a copy";
    EXPECT_EQ(user_database::open(file_, access::read)->all().value(), std::vector{bob});
    put({eve});
    EXPECT_EQ(user_database::open(file_, access::read)->all().value(), (std::vector{bob, eve}));
}

TEST_F(user_database_test, one_hash_of_each_cost) {
    put({bob, eve, {"joe", other_md5_hash, ""}});
    auto hashes = user_database::open(file_, access::read)->one_hash_of_each_cost().value();
    ASSERT_EQ(hashes.size(), 2U);
    std::ranges::sort(hashes);
    EXPECT_TRUE(hashes[0].starts_with("$1$"));
    EXPECT_EQ(hashes[1], sha512_hash);
    put({{"bob", sha512_hash, ""}, {"joe", sha512_hash, ""}});
    EXPECT_EQ(user_database::open(file_, access::read)->one_hash_of_each_cost().value(),
              std::vector<std::string>{sha512_hash});
}

TEST_F(user_database_test, faults_are_errors_with_the_file_and_the_cause) {
    EXPECT_EQ(failure(), file_ + ": there is no such database; make one with 'sallyport user add'");
    EXPECT_NE(failure(access::change).find("no such database"), std::string::npos);
    std::ofstream(file_) << "";
    EXPECT_NE(failure().find("is no database of accounts"), std::string::npos);
    std::ofstream(file_) << std::string(5000, 'x');
    for (const auto how : {access::read, access::change, access::create})
        EXPECT_NE(failure(how).find("is no database of accounts"), std::string::npos) << failure(how);
    fs::remove(file_);
    run("CREATE TABLE other(x)");
    EXPECT_NE(failure().find("is no database of accounts"), std::string::npos);
    fs::remove(file_);
    put({bob});
    run("PRAGMA user_version = 2");
    EXPECT_NE(failure().find("schema 2"), std::string::npos) << failure();
    EXPECT_NE(failure(access::create).find("use a newer version"), std::string::npos);
}

TEST_F(user_database_test, an_exclusive_lock_is_waited_for_briefly) {
    put({bob});
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &other), SQLITE_OK);
    const char* const lock = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM account; COMMIT";
    ASSERT_EQ(sqlite3_exec(other, lock, nullptr, nullptr, nullptr), SQLITE_OK);
    const auto opened = user_database::open(file_, access::read);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, errc::busy);
    EXPECT_NE(opened.error().text().find("locked by another program"), std::string::npos);
    sqlite3_close(other);
    EXPECT_TRUE(user_database::open(file_, access::read));
}

TEST_F(user_database_test, a_full_disk_keeps_what_was_there) {
    const auto checks = [this] {
        put({bob});
        auto writer = user_database::open(file_, access::change);
        if (!writer) return 1;
        auto done = writer->put({"eve", sha512_hash, std::string(4'000'000, ' ')});
        if (done) done = writer->commit();
        if (done || done.error().code != errc::no_space) return 2;
        const auto all = user_database::open(file_, access::read)->all();
        return all && *all == std::vector{bob} ? 0 : 3;
    };
    const auto failed = vfs::run_on_tmpfs(directory_, "1m", checks);
    if (!failed) GTEST_SKIP() << "needs the right to mount";
    EXPECT_EQ(*failed, 0);
}

}  // namespace
}  // namespace sallyport::server
