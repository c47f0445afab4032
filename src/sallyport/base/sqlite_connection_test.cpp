#include <sallyport/base/sqlite_connection.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

namespace sallyport {
namespace {

using namespace std::chrono_literals;

class sqlite_connection_test : public ::testing::Test {
protected:
    sqlite_connection_test() { std::ofstream(file_).close(); }
    ~sqlite_connection_test() override { std::filesystem::remove(file_); }

    [[nodiscard]] result<sqlite_connection> open(sqlite_connection::access how = sqlite_connection::access::change) const {
        return sqlite_connection::open(file_, how, 10ms, [](int code, std::string_view text, int) {
            return error{errc::io, 0, std::to_string(code) + " " + std::string(text)};
        });
    }

    std::string file_ = testing::TempDir() + "sallyport-sqlite-" + std::to_string(::getpid()) + ".db";
};

std::string name_of(sqlite_row row) { return row.text(0); }

TEST_F(sqlite_connection_test, reads_what_was_written) {
    auto tested = open().value();
    ASSERT_TRUE(tested.run("CREATE TABLE pet(name TEXT, legs INTEGER); CREATE TABLE empty(name TEXT)"));
    EXPECT_TRUE(tested.change("INSERT INTO pet VALUES(?, ?)", {"cat", std::int64_t{4}}));
    EXPECT_TRUE(tested.change("INSERT INTO pet VALUES(?, ?)", {std::string_view("a\0b", 3), std::int64_t{2}}));
    EXPECT_EQ(tested.all("SELECT name FROM pet ORDER BY legs", {}, name_of).value(),
              (std::vector{std::string("a\0b", 3), std::string("cat")}));
    EXPECT_EQ(tested.first("SELECT name FROM pet WHERE legs > ?", {std::int64_t{2}}, name_of).value(), "cat");
    EXPECT_EQ(tested.first("SELECT name FROM empty", {}, name_of).value(), std::nullopt);
    EXPECT_EQ(tested.number("SELECT sum(legs) FROM pet").value(), 6);
    EXPECT_EQ(tested.number("SELECT 1 FROM empty").value(), 0);
    EXPECT_TRUE(tested.change("DELETE FROM pet", {}));
    EXPECT_EQ(tested.changed_rows(), 2);
}

TEST_F(sqlite_connection_test, the_owner_words_the_errors) {
    EXPECT_EQ(open().value().run("nonsense").error().what, "1 near \"nonsense\": syntax error");
    EXPECT_EQ(open().value().change("INSERT INTO pet VALUES(1)", {}).error().what, "1 no such table: pet");
    auto reader = open(sqlite_connection::access::read).value();
    EXPECT_EQ(reader.run("CREATE TABLE pet(name TEXT)").error().what.substr(0, 1), std::to_string(SQLITE_READONLY));
    std::filesystem::remove(file_);
    EXPECT_EQ(open().error().what, std::to_string(SQLITE_CANTOPEN) + " unable to open database file");
}

TEST_F(sqlite_connection_test, waits_for_a_lock_for_a_limited_time) {
    auto first = open().value();
    ASSERT_TRUE(first.run("BEGIN IMMEDIATE"));
    auto second = open().value();
    EXPECT_EQ(second.run("BEGIN IMMEDIATE").error().what, std::to_string(SQLITE_BUSY) + " database is locked");
    first = {};
    EXPECT_TRUE(second.run("BEGIN IMMEDIATE"));
}

TEST_F(sqlite_connection_test, knows_its_application_and_schema) {
    auto tested = open().value();
    ASSERT_TRUE(tested.run("PRAGMA application_id = 7; PRAGMA user_version = 2"));
    EXPECT_TRUE(tested.check_schema(file_, 7, 2));
    EXPECT_EQ(tested.check_schema(file_, 8, 2).error().what.substr(0, 2), std::to_string(SQLITE_NOTADB));
    EXPECT_EQ(tested.check_schema(file_, 7, 1).error().code, errc::unsupported);
}

}  // namespace
}  // namespace sallyport
