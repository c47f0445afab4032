// Trees and patterns on a server: one listing for each directory, nothing unsafe, no link followed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include <sallyport/client/pool_fixture.hpp>
#include <sallyport/client/remote_tree.hpp>

namespace sallyport::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string line(const std::string& type, const std::string& name, int size = 1) {
    return "type=" + type + ";size=" + std::to_string(size) + ";modify=20260102030405; " + name + "\r\n";
}

behaviour tree_server() {
    behaviour b;
    b.directories = {"/start", "/start/a", "/start/a/b", "/start/c", "/start/.h"};
    b.listings["/start"] = line("cdir", ".") + line("dir", "a") + line("dir", "c") + line("file", "x.csv") +
                           line("file", "y[1].csv") + line("file", "y1.csv") + line("dir", ".h") +
                           line("OS.unix=slink:/etc", "link");
    b.listings["/start/a"] = line("file", "one.csv", 70'000) + line("dir", "b") + line("file", "../up") +
                             line("file", "/etc/abs") + line("file", "bad\x01name") + line("file", "..");
    b.listings["/start/a/b"] = line("file", "two.csv");
    b.listings["/start/c"] = line("file", "three.txt");
    b.listings["/start/.h"] = line("file", "four.csv");
    return b;
}

std::vector<std::string> paths(const remote_listing& of) {
    std::vector<std::string> out;
    for (const auto& e : of.entries) out.push_back(e.path);
    return out;
}

net::task<> expand(pool& connections, const std::string& pattern, outcome<remote_listing>& out) {
    auto whole = co_await absolute_path(connections, pattern);
    out = co_await expand_pattern(connections, whole.value_or(""));
}

remote_listing matches(const ftp_stub& server, const std::string& pattern) {
    outcome<remote_listing> out = std::unexpected(failure{});
    with_pool(server.url(""), quick_pool(2), [&](pool& connections) { return expand(connections, pattern, out); });
    EXPECT_TRUE(out) << out.error().text();
    return out.value_or(remote_listing{});
}

net::task<> read(pool& connections, const std::string& path, const name_filter& wanted, std::size_t max_entries,
                 outcome<remote_listing>& out) {
    out = co_await read_tree(connections, path, wanted, max_entries);
}

outcome<remote_listing> tree(const ftp_stub& server, const std::string& path, const name_filter& wanted = {},
                             std::size_t max_entries = max_tree_entries) {
    outcome<remote_listing> out = std::unexpected(failure{});
    with_pool(server.url(""), quick_pool(2),
              [&](pool& connections) { return read(connections, path, wanted, max_entries, out); });
    return out;
}

TEST(client_tree, CL04_a_tree_has_no_name_that_leads_out_of_it) {
    ftp_stub server(tree_server());
    const auto got = tree(server, "/start");
    ASSERT_TRUE(got);
    EXPECT_THAT(paths(*got),
                ::testing::UnorderedElementsAre("/start/a", "/start/c", "/start/x.csv", "/start/y[1].csv", "/start/y1.csv",
                                                "/start/.h", "/start/link", "/start/a/one.csv", "/start/a/b",
                                                "/start/a/b/two.csv", "/start/c/three.txt", "/start/.h/four.csv"));
    EXPECT_EQ(got->skipped_names, 3U);
}

TEST(client_tree, each_directory_is_listed_once_and_links_never) {
    ftp_stub server(tree_server());
    ASSERT_TRUE(tree(server, "/start"));
    std::vector<std::string> entered;
    for (const auto& c : server.commands())
        if (c.starts_with("CWD ")) entered.push_back(c.substr(4));
    EXPECT_THAT(entered, ::testing::UnorderedElementsAre("/start", "/start/a", "/start/c", "/start/.h", "/start/a/b"));
}

TEST(client_tree, an_excluded_directory_is_not_entered) {
    ftp_stub server(tree_server());
    const auto got = tree(server, "/start", name_filter({"*.csv"}, {"b", ".*"}));
    ASSERT_TRUE(got);
    EXPECT_THAT(paths(*got),
                ElementsAre("/start/a", "/start/c", "/start/x.csv", "/start/y1.csv", "/start/y[1].csv", "/start/a/one.csv"));
}

TEST(client_tree, a_directory_that_cannot_be_listed_is_a_problem_of_its_own) {
    auto b = tree_server();
    b.directories.erase("/start/a");
    ftp_stub server(b);
    const auto got = tree(server, "/start");
    ASSERT_TRUE(got);
    ASSERT_EQ(got->problems.size(), 1U);
    EXPECT_EQ(got->problems[0].path, "/start/a");
    EXPECT_EQ(got->problems[0].why.reply_code, 550);
    EXPECT_FALSE(tree(server, "/missing"));
}

TEST(client_tree, CL04_a_tree_without_end_is_an_error) {
    ftp_stub server(tree_server());
    const auto got = tree(server, "/start", {}, 9);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().cause.code, errc::too_long);
}

TEST(client_tree, exact_times_and_sizes_come_from_the_listing) {
    ftp_stub server(tree_server());
    const auto got = matches(server, "a/o*.csv");
    ASSERT_THAT(paths(got), ElementsAre("/start/a/one.csv"));
    const auto listed = got.entries[0].listed();
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->size, 70'000U);
    EXPECT_EQ(listed->modified, 1767323045);
}

TEST(client_patterns, match_in_the_last_component_and_above) {
    ftp_stub server(tree_server());
    EXPECT_THAT(paths(matches(server, "*.csv")), ElementsAre("/start/x.csv", "/start/y1.csv", "/start/y[1].csv"));
    EXPECT_THAT(paths(matches(server, "?/*.csv")), ElementsAre("/start/a/one.csv"));
    EXPECT_THAT(paths(matches(server, "[ac]/b/two.csv")), ElementsAre("/start/a/b/two.csv"));
    EXPECT_THAT(paths(matches(server, "/start/c/*")), ElementsAre("/start/c/three.txt"));
    EXPECT_THAT(paths(matches(server, "*.none")), IsEmpty());
}

TEST(client_patterns, two_stars_match_any_number_of_directories) {
    ftp_stub server(tree_server());
    const auto got = matches(server, "**/*.csv");
    EXPECT_THAT(paths(got), ::testing::UnorderedElementsAre("/start/x.csv", "/start/y[1].csv", "/start/y1.csv",
                                                            "/start/a/one.csv", "/start/a/b/two.csv"));
    std::vector<std::string> relative;
    for (const auto& e : got.entries) relative.push_back(e.relative);
    EXPECT_THAT(relative, ::testing::Contains("a/b/two.csv"));
}

TEST(client_patterns, two_stars_twice_find_each_file_once) {
    ftp_stub server(tree_server());
    EXPECT_THAT(paths(matches(server, "**/**/*.csv")),
                ::testing::UnorderedElementsAre("/start/x.csv", "/start/y[1].csv", "/start/y1.csv", "/start/a/one.csv",
                                                "/start/a/b/two.csv"));
}

TEST(client_patterns, a_name_that_exists_is_its_own_only_match) {
    ftp_stub server(tree_server());
    EXPECT_THAT(paths(matches(server, "y[1].csv")), ElementsAre("/start/y[1].csv"));
}

}  // namespace
}  // namespace sallyport::client
