// Many files over several connections: failures of some, continued ones, files that stay.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <sallyport/client/pool_fixture.hpp>
#include <sallyport/client/run_transfers.hpp>
#include <sallyport/vfs/test_directory.hpp>

namespace sallyport::client {
namespace {

using ::testing::HasSubstr;

transfer get_of(const std::string& remote, const std::string& local, std::optional<listed_file> listed = {}) {
    transfer out;
    out.remote = remote;
    out.local = local;
    out.listed = listed;
    return out;
}

transfer put_of(const std::string& local, const std::string& remote) {
    transfer out;
    out.way = direction::upload;
    out.remote = remote;
    out.local = local;
    return out;
}

void move_all(const ftp_stub& server, const vfs::test_directory& at, std::vector<transfer>& all, transfer_options how = {},
              std::size_t connections = 2) {
    auto tree = local_tree::open(at.path().string(), false);
    ASSERT_TRUE(tree);
    const auto shared = std::make_shared<const local_tree>(std::move(*tree));
    for (auto& each : all) each.tree = shared;
    transfer_counters counters;
    with_pool(server.url(""), quick_pool(connections), [&](pool& p) { return run_transfers(p, all, how, counters); });
}

behaviour three_files() {
    behaviour b;
    b.files = {{"one", "1"}, {"two", "22"}, {"three", std::string(100'000, '3')}};
    return b;
}

TEST(client_transfers, a_failure_does_not_stop_the_others) {
    ftp_stub server(three_files());
    const vfs::test_directory to;
    std::vector<transfer> all{get_of("one", "one"), get_of("missing", "missing"), get_of("three", "deep/er/three")};
    move_all(server, to, all);
    EXPECT_EQ(all[0].state, transfer_state::done);
    EXPECT_EQ(all[1].state, transfer_state::failed);
    ASSERT_TRUE(all[1].why);
    EXPECT_EQ(all[1].why->reply_code, 550);
    EXPECT_EQ(all[2].state, transfer_state::done);
    EXPECT_EQ(vfs::read_disk(to / "one"), "1");
    EXPECT_EQ(vfs::read_disk(to / "deep/er/three").size(), 100'000U);
    EXPECT_FALSE(std::filesystem::exists(to / "missing.part"));
}

TEST(client_transfers, a_listed_file_costs_neither_SIZE_nor_MDTM) {
    ftp_stub server(three_files());
    const vfs::test_directory to;
    std::vector<transfer> all{get_of("three", "three", listed_file{100'000, 1'767'323'045})};
    move_all(server, to, all, {.keep_times = true});
    EXPECT_EQ(all[0].state, transfer_state::done);
    EXPECT_FALSE(server.saw("SIZE"));
    EXPECT_FALSE(server.saw("MDTM"));
    struct ::stat about{};
    ASSERT_EQ(::stat((to / "three").c_str(), &about), 0);
    EXPECT_EQ(about.st_mtim.tv_sec, 1'767'323'045);
}

// It may have changed since; the second try goes by what the server says then.
TEST(client_transfers, a_file_shorter_than_its_listing_is_asked_for_again) {
    ftp_stub server(three_files());
    const vfs::test_directory to;
    std::vector<transfer> all{get_of("two", "two", listed_file{5, {}})};
    move_all(server, to, all, {}, 1);
    EXPECT_EQ(all[0].state, transfer_state::done);
    EXPECT_EQ(all[0].tries, 2);
    EXPECT_EQ(vfs::read_disk(to / "two"), "22");
}

TEST(client_transfers, a_lost_connection_costs_one_try_and_no_file) {
    auto b = three_files();
    b.transfers_per_session = 1;
    ftp_stub server(b);
    const vfs::test_directory to;
    std::vector<transfer> all{get_of("one", "one"), get_of("two", "two"), get_of("three", "three")};
    move_all(server, to, all, {}, 1);
    for (const auto& one : all) EXPECT_EQ(one.state, transfer_state::done) << one.remote;
    EXPECT_EQ(all[0].tries, 1);
    EXPECT_EQ(all[1].tries, 2);
    EXPECT_EQ(vfs::read_disk(to / "two"), "22");
}

TEST(client_transfers, CL04_no_link_below_the_root_is_followed) {
    ftp_stub server(three_files());
    const vfs::test_directory to;
    const vfs::test_directory outside;
    vfs::write_disk(outside / "victim", "old");
    std::filesystem::create_symlink(outside.path(), to / "out");
    std::filesystem::create_symlink(outside / "victim", to / "link");
    std::vector<transfer> all{get_of("one", "out/one"), get_of("one", "link"), get_of("one", "../up")};
    move_all(server, to, all);
    EXPECT_EQ(all[0].state, transfer_state::failed);
    EXPECT_EQ(all[0].why->at, step::local_file);
    EXPECT_EQ(all[1].state, transfer_state::failed);
    EXPECT_EQ(vfs::read_disk(outside / "victim"), "old");
    EXPECT_FALSE(std::filesystem::exists(outside / "one"));
    EXPECT_FALSE(std::filesystem::exists(to / "../up"));
}

TEST(client_transfers, an_existing_file_stays_if_that_is_wanted) {
    ftp_stub server(three_files());
    const vfs::test_directory to;
    vfs::write_disk(to / "one", "mine");
    std::vector<transfer> all{get_of("one", "one"), get_of("two", "two")};
    move_all(server, to, all, {.existing = existing_file::keep});
    EXPECT_EQ(all[0].state, transfer_state::skipped);
    EXPECT_EQ(vfs::read_disk(to / "one"), "mine");
    EXPECT_EQ(all[1].state, transfer_state::done);

    // Written now, so it is newer than the server's, of 2026-01-02; one that is older is replaced.
    std::vector<transfer> newer{get_of("two", "two", listed_file{2, 4'000'000'000}),
                                get_of("one", "one", listed_file{1, 1})};
    move_all(server, to, newer, {.existing = existing_file::replace_by_newer});
    EXPECT_EQ(newer[0].state, transfer_state::done);
    EXPECT_EQ(newer[1].state, transfer_state::skipped);
}

TEST(client_transfers, uploads_keep_their_times_if_the_server_can) {
    ftp_stub server(three_files());
    const vfs::test_directory from;
    vfs::write_disk(from / "a", "content of a");
    vfs::write_disk(from / "b", "content of b");
    std::vector<transfer> all{put_of("a", "to/a"), put_of("b", "to/b"), put_of("none", "to/none")};
    move_all(server, from, all, {.keep_times = true}, 1);
    EXPECT_EQ(all[0].state, transfer_state::done);
    EXPECT_EQ(server.stored("to/b"), "content of b");
    EXPECT_TRUE(server.saw("MFMT"));
    EXPECT_EQ(all[2].state, transfer_state::failed);
    EXPECT_THAT(all[2].why->text(), HasSubstr("none"));
}

}  // namespace
}  // namespace sallyport::client
