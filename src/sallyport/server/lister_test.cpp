#include <sallyport/server/lister.hpp>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/server/endless_test.hpp>
#include <sallyport/server/test_account.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <support/memory_filesystem.hpp>

namespace sallyport::server {
namespace {

class lister_test : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(files_->make_directory(path("/pub")));
        vfs::put_file(*files_, "/pub/a.txt", "a");
        vfs::put_file(*files_, "/pub/.dot", "d");
        vfs::put_file(*files_, "/pub/x[1]", "x");
    }
    static virtual_path path(std::string_view text) { return *virtual_path().resolve(text); }

    std::string list(proto::verb what, std::string_view directory, std::string pattern = {}, std::string prefix = {}) {
        return list({.command = what,
                     .path = path(directory),
                     .pattern = std::move(pattern),
                     .prefix = std::move(prefix),
                     .facts = {}});
    }
    std::string list(proto::transfer_request request) {
        lister source(*files_, std::move(request), test_user(), 0);
        result<std::string> out = source.first();
        while (out && !source.finished()) *out += source.next().value_or("failed");
        return out.value_or("failed");
    }
    /// The names, each followed by a blank.
    static std::string names_of(std::string_view lines) {
        std::string out;
        for (; lines.find('\n') != std::string_view::npos; lines.remove_prefix(lines.find('\n') + 1)) {
            const std::string_view line = lines.substr(0, lines.find('\r'));
            out.append(line.substr(line.rfind(' ') + 1)) += ' ';
        }
        return out;
    }

    std::shared_ptr<vfs::filesystem> files_ = vfs::make_memory_filesystem();
};

TEST_F(lister_test, names_keep_the_prefix_of_the_argument) {
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "*.txt", "pub/"), "pub/a.txt\r\n");
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "*.txt"), "a.txt\r\n");
    EXPECT_EQ(list(proto::verb::nlst, "/pub/a.txt", {}, "../pub/a.txt"), "../pub/a.txt\r\n");
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "a.*", "pub"), "pub/a.txt\r\n");
}

/// A real directory whose entries are named by numbers.
class large_directory : public lister_test {
protected:
    /// Hard links to one file, which are created faster than files.
    void fill(std::size_t from, std::size_t to) {
        if (from == 0) vfs::write_disk(real_ / "0", "");
        for (std::size_t i = std::max(from, 1UL); i < to; ++i)
            std::filesystem::create_hard_link(real_ / "0", real_ / std::to_string(i));
    }
    void remove(std::size_t i) { ASSERT_TRUE(files_->remove_file(path("/" + std::to_string(i)))); }

    /// The name of every line, including duplicates. The rest of the listing is read by several threads, after `meanwhile`.
    template <class Work>
    std::multiset<std::string> names(proto::verb what, Work meanwhile) {
        lister source(*files_, {.command = what, .path = {}, .facts = {}}, test_user(), 0);
        std::multiset<std::string> out = names_in(source.first().value_or("failed"));
        meanwhile();
        std::mutex mutex;
        std::vector<std::jthread> readers;
        for (int i = 0; i < 4; ++i) {
            readers.emplace_back([&] {
                while (!source.finished()) {
                    std::multiset<std::string> block = names_in(source.next().value_or("failed"));
                    const std::lock_guard lock(mutex);
                    out.merge(block);
                }
            });
        }
        readers.clear();
        return out;
    }

private:
    static std::multiset<std::string> names_in(std::string_view lines) {
        std::multiset<std::string> out;
        while (!lines.empty()) {
            const std::size_t end = lines.find("\r\n");
            const std::string_view line = lines.substr(0, end);
            out.emplace(line.substr(line.rfind(' ') + 1));
            lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
        }
        return out;
    }

    void SetUp() override { files_ = vfs::open_posix_filesystem(real_.path(), {.sync = vfs::sync_policy::none}).value(); }

    const vfs::test_directory real_;
};

TEST_F(large_directory, names_are_sorted_whatever_the_order_of_the_directory) {
    fill(0, limits::max_sorted_entries);
    std::set<std::string> sorted;
    for (std::size_t i = 0; i < limits::max_sorted_entries; ++i) sorted.insert(std::to_string(i));
    EXPECT_EQ(list(proto::verb::nlst, "/"), fmt::format("{}\r\n", fmt::join(sorted, "\r\n")));
}

TEST_F(large_directory, several_readers_name_each_entry_once) {  // FS-03
    constexpr std::size_t count = 9000;
    fill(0, count);
    for (const proto::verb what : {proto::verb::mlsd, proto::verb::list, proto::verb::nlst}) {
        const std::multiset<std::string> found = names(what, [] {});
        EXPECT_EQ(found.size(), count);
        EXPECT_EQ(std::set(found.begin(), found.end()).size(), count);
    }
}

TEST_F(large_directory, may_change_while_it_is_listed) {  // FS-03
    constexpr std::size_t count = 9000;
    fill(0, count);
    const std::multiset<std::string> found = names(proto::verb::list, [this] {
        for (std::size_t i = 1; i < count; i += 2) remove(i);
        fill(count, count + 500);
    });
    EXPECT_EQ(found.size(), std::set(found.begin(), found.end()).size());
    EXPECT_LT(found.size(), count);
    for (std::size_t i = 0; i < count; i += 2) EXPECT_TRUE(found.contains(std::to_string(i))) << i;
}

constexpr proto::verb all_listings[] = {proto::verb::list, proto::verb::nlst, proto::verb::mlsd};

TEST_F(lister_test, the_first_existing_name_is_used_instead_of_the_pattern) {
    vfs::put_file(*files_, "/pub/x1", "x");
    const auto request = [](proto::verb what, std::vector<proto::list_name> names) {
        return proto::transfer_request{
            .command = what, .path = path("/pub"), .names = std::move(names), .pattern = "x[1]", .facts = {}};
    };
    EXPECT_EQ(list(request(proto::verb::nlst, {{path("/no"), "no"}, {path("/pub/x[1]"), "x[1]"}})), "x[1]\r\n");
    EXPECT_EQ(names_of(list(request(proto::verb::list, {{path("/pub/x[1]"), "x[1]"}}))), "x[1] ");
    EXPECT_EQ(names_of(list(request(proto::verb::list, {{path("/no"), "no"}}))), "x1 ");
    ASSERT_TRUE(files_->make_directory(path("/pub/d[1]")));
    vfs::put_file(*files_, "/pub/d[1]/inner", "x");
    for (const proto::verb what : all_listings) {
        const std::string inner = what == proto::verb::nlst ? "d[1]/inner " : "inner ";
        EXPECT_EQ(names_of(list(request(what, {{path("/pub/d[1]"), "d[1]"}, {path("/pub/x1"), "x1"}}))), inner);
        EXPECT_EQ(names_of(list(request(what, {}))), "x1 ");
    }
}

TEST_F(lister_test, a_pattern_with_a_dot_asks_for_dot_files) {
    EXPECT_EQ(list(proto::verb::nlst, "/pub", ".d*"), ".dot\r\n");
    EXPECT_EQ(names_of(list(proto::verb::list, "/pub", ".*")), ".dot ");
    EXPECT_EQ(names_of(list(proto::verb::list, "/pub", "*")), "a.txt x[1] ");
}

TEST_F(lister_test, reading_a_directory_returns_even_if_nothing_matches) {  // FS-03
    endless_filesystem endless(files_);
    std::atomic<bool> cancelled = false;
    lister source(endless, {.command = proto::verb::list, .path = {}, .pattern = "nothing*", .facts = {}}, test_user(), 0,
                  &cancelled);
    EXPECT_EQ(source.first().value_or("failed"), "");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(source.next().value_or("failed"), "");
    EXPECT_FALSE(source.finished());
    cancelled = true;
    EXPECT_EQ(source.next().error().code, errc::cancelled);
    EXPECT_TRUE(source.finished());
}

TEST_F(lister_test, prepares_the_first_lines_in_steps) {  // RX-05
    constexpr std::size_t entries = 2 * vfs::directory::batch + 1;
    ASSERT_TRUE(files_->make_directory(path("/many")));
    for (std::size_t i = 0; i < entries; ++i) vfs::put_file(*files_, fmt::format("/many/{}", i), "");
    lister source(*files_, {.command = proto::verb::nlst, .path = path("/many"), .facts = {}}, test_user(), 0);
    int steps = 1;
    while (!source.prepare(std::chrono::steady_clock::now() + std::chrono::microseconds(1)).value()) ++steps;
    EXPECT_GT(steps, 1);
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(source.first().value_or("failed"), '\n')), entries);
}

TEST_F(lister_test, nothing_is_read_for_a_cancelled_listing) {  // FS-03
    std::atomic<bool> cancelled = false;
    lister source(*files_, {.command = proto::verb::list, .path = path("/pub"), .facts = {}}, test_user(), 0, &cancelled);
    cancelled = true;
    EXPECT_EQ(source.first().error().code, errc::cancelled);
    EXPECT_TRUE(source.finished());
}

TEST_F(lister_test, dot_files_are_listed_by_mlsd_and_on_request) {
    EXPECT_EQ(list(proto::verb::nlst, "/pub").find(".dot"), std::string::npos);
    EXPECT_NE(list(proto::verb::mlsd, "/pub").find(" .dot\r\n"), std::string::npos);
    EXPECT_NE(list(proto::verb::list, "/pub/.dot").find(" .dot\r\n"), std::string::npos);
}

// CVE-2019-6109 CVE-2019-6110.
TEST_F(lister_test, no_listing_contains_terminal_control_characters) {  // IN-09
    // A disk can have names that no client could create.
    const vfs::test_directory disk;
    vfs::write_disk(disk / "e\x1b[2Jf", "");
    vfs::write_disk(disk / "n\r\n227 x", "");
    vfs::write_disk(disk /
                        "c\x9b"
                        "1",
                    "");
    vfs::write_disk(disk /
                        "u\xc2\x9b"
                        "1",
                    "");
    files_ = vfs::open_posix_filesystem(disk.path(), {.sync = vfs::sync_policy::none}).value();
    EXPECT_EQ(list(proto::verb::nlst, "/"), "c?1\r\ne?[2Jf\r\nn??227 x\r\nu?1\r\n");
    for (const proto::verb what : {proto::verb::list, proto::verb::mlsd}) {
        const std::string listed = list(what, "/");
        EXPECT_EQ(std::ranges::count(listed, '\n'), 4) << listed;
        EXPECT_EQ(listed.find_first_of("\x1b\x9b"), std::string::npos) << listed;
    }
    EXPECT_EQ(list(proto::verb::nlst,
                   "/u\xc2\x9b"
                   "1",
                   {},
                   "u\xc2\x9b"
                   "1"),
              "u?1\r\n");
}

TEST_F(lister_test, permissions_are_those_of_the_user) {  // RFC 3659 section 7.5.5
    EXPECT_NE(list(proto::verb::mlsd, "/").find("perm=cdeflmp;"), std::string::npos);
    const std::string line = describe_entry(path("/pub/a.txt"), *files_->stat(path("/pub/a.txt"), vfs::may_block::yes), {},
                                            {.rights = right_set::read_only()});
    EXPECT_NE(line.find("perm=r;"), std::string::npos) << line;
    EXPECT_NE(line.find(" /pub/a.txt"), std::string::npos) << line;
}

TEST_F(lister_test, a_missing_path_is_an_error) {
    EXPECT_EQ(list(proto::verb::list, "/nowhere"), "failed");
    EXPECT_EQ(list(proto::verb::mlsd, "/pub/a.txt"), "failed");
    EXPECT_EQ(list(proto::verb::list, "/pub", "*.gz"), "");
}

}  // namespace
}  // namespace sallyport::server
