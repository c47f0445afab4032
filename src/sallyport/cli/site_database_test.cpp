// The database of sites: what is kept, for which login and network, and files that cannot be used.

#include <sallyport/cli/site_database.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class site_database_test : public testing::Test {
protected:
    ~site_database_test() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] site_database open(site_access how) const {
        auto opened = site_database::open(file_, how);
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(opened.value());
    }
    void learn(const site_key& key, const learned_fact& fact) const {
        auto database = open(site_access::change);
        ASSERT_TRUE(database.learn(key, fact));
        ASSERT_TRUE(database.commit());
    }
    [[nodiscard]] std::vector<learned_fact> learned(const site_key& key) const {
        return open(site_access::read).learned(key).value();
    }
    [[nodiscard]] error failure_of(site_access how) const {
        const auto opened = site_database::open(file_, how);
        return opened ? error{errc::misuse, 0, "it was opened"} : opened.error();
    }
    void execute(const char* sql) const {
        sqlite3* connection = nullptr;
        ASSERT_EQ(sqlite3_open(file_.c_str(), &connection), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(connection);
    }

    std::filesystem::path directory_ =
        std::filesystem::path(testing::TempDir()) / ("sallyport sites " + std::to_string(getpid()));
    std::string file_ = directory_ / "state/sites.db";
};

const site_key at_home{"ftp.example.org", 21, "explicit", "partner", "192.168.1.1 in 192.168.1.0/24"};

TEST_F(site_database_test, facts_are_kept_for_one_login_at_one_server_in_one_network) {
    learn(at_home, {"method", "PASV", 100});
    EXPECT_THAT(learned(at_home), ElementsAre(learned_fact{"method", "PASV", 100}));
    auto other = at_home;
    other.network = "10.0.0.1 in 10.0.0.0/24";
    EXPECT_THAT(learned(other), IsEmpty());
    other = at_home;
    other.user = "partner' OR 1=1 --";
    EXPECT_THAT(learned(other), IsEmpty());
    other = at_home;
    other.tls = "none";
    EXPECT_THAT(learned(other), IsEmpty());
    other = at_home;
    other.port = 2121;
    EXPECT_THAT(learned(other), IsEmpty());
}

TEST_F(site_database_test, facts_are_replaced_and_removed) {
    learn(at_home, {"method", "PASV", 100});
    learn(at_home, {"method", "EPRT", 200});
    learn(at_home, {"connections", "2", 300});
    EXPECT_THAT(learned(at_home), ElementsAre(learned_fact{"connections", "2", 300}, learned_fact{"method", "EPRT", 200}));
    {
        auto database = open(site_access::change);
        ASSERT_TRUE(database.remove_before(250));
        ASSERT_TRUE(database.commit());
    }
    EXPECT_THAT(learned(at_home), ElementsAre(learned_fact{"connections", "2", 300}));
    {
        auto database = open(site_access::change);
        ASSERT_TRUE(database.unlearn(at_home, "connections"));
    }
    EXPECT_THAT(learned(at_home), ElementsAre(learned_fact{"connections", "2", 300})) << "it was not committed";
}

TEST_F(site_database_test, a_server_has_one_key) {
    const trusted_key first{"sha256//AAAA", 100};
    const trusted_key second{"sha256//BBBB", 200};
    for (const auto& each : {first, second}) {
        auto database = open(site_access::change);
        ASSERT_TRUE(database.trust("ftp.example.org", 21, each));
        ASSERT_TRUE(database.commit());
        EXPECT_EQ(open(site_access::read).key_of("ftp.example.org", 21).value(), each);
    }
    EXPECT_EQ(open(site_access::read).key_of("ftp.example.org", 990).value(), std::nullopt);
    auto database = open(site_access::change);
    ASSERT_TRUE(database.forget("ftp.example.org", 21));
    EXPECT_EQ(database.key_of("ftp.example.org", 21).value(), std::nullopt);
}

TEST_F(site_database_test, names_have_urls_and_settings) {
    const named_site one{"one", "ftp://h/", {{"passive", {"true"}}, {"pin", {"b", "a"}}}};
    const named_site two{"two", "ftp://i/", {}};
    {
        auto database = open(site_access::change);
        for (const auto& each : {two, one}) ASSERT_TRUE(database.put(each));
        ASSERT_TRUE(database.commit());
    }
    EXPECT_EQ(open(site_access::read).find("one").value(), one);
    EXPECT_EQ(open(site_access::read).find("One").value(), std::nullopt);
    EXPECT_THAT(open(site_access::read).all().value(), ElementsAre(one, two));
    auto database = open(site_access::change);
    const named_site other{"one", "ftp://k/", {{"active", {"true"}}}};
    ASSERT_TRUE(database.put(other));
    EXPECT_EQ(database.find("one").value(), other) << "the old settings are gone";
    EXPECT_TRUE(database.remove("one").value());
    EXPECT_FALSE(database.remove("one").value());
}

TEST_F(site_database_test, the_file_is_for_its_user_alone) {
    EXPECT_EQ(failure_of(site_access::read).code, errc::not_found);
    learn(at_home, {"method", "PASV", 100});
    struct ::stat about{};
    ASSERT_EQ(::stat(file_.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat((directory_ / "state").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0700U);
}

TEST_F(site_database_test, a_client_that_was_killed_before_its_first_change_leaves_an_empty_file) {
    std::filesystem::create_directories(directory_ / "state");
    std::ofstream(file_).close();
    EXPECT_THAT(learned(at_home), IsEmpty());
    learn(at_home, {"method", "PASV", 100});
    EXPECT_THAT(learned(at_home), ElementsAre(learned_fact{"method", "PASV", 100}));
}

TEST_F(site_database_test, files_that_cannot_be_used_are_errors) {
    std::filesystem::create_directories(file_);
    EXPECT_EQ(failure_of(site_access::read).code, errc::not_a_file);
    std::filesystem::remove(file_);
    std::ofstream(file_) << std::string(4096, 'x');
    EXPECT_THAT(failure_of(site_access::change).text(), HasSubstr("no database of sites"));
    std::filesystem::remove(file_);
    execute("CREATE TABLE other(x)");
    EXPECT_THAT(failure_of(site_access::read).text(), HasSubstr("no database of sites"));
    std::filesystem::remove(file_);
    learn(at_home, {"method", "PASV", 100});
    execute("PRAGMA user_version = 2");
    EXPECT_EQ(failure_of(site_access::change).code, errc::unsupported);
    EXPECT_THAT(failure_of(site_access::read).text(), HasSubstr("newer version"));
}

TEST_F(site_database_test, a_lock_of_another_program_is_an_error_at_once) {
    learn(at_home, {"method", "PASV", 100});
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(failure_of(site_access::read).code, errc::busy);
    EXPECT_EQ(failure_of(site_access::change).code, errc::busy);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
    sqlite3_close(other);
}

TEST_F(site_database_test, several_clients_change_it_at_a_time) {
    learn(at_home, {"method", "PASV", 100});
    std::vector<std::jthread> clients;
    std::atomic<int> failures = 0;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([this, i, &failures] {
            for (int n = 0; n < 10; ++n) {
                auto database = site_database::open(file_, site_access::change);
                const bool stored =
                    database && database->learn(at_home, {fmt::format("fact {} {}", i, n), "x", 100}) && database->commit();
                if (!stored && (database || database.error().code != errc::busy)) ++failures;
            }
        });
    clients.clear();
    EXPECT_EQ(failures, 0) << "a lock is the only reason to lose a fact";
    EXPECT_GT(learned(at_home).size(), 1U);
}

}  // namespace
}  // namespace sallyport::cli
