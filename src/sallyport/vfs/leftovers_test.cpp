// DU-02: the leftovers of killed uploads are removed, and nothing else.

#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/posix_store.hpp>
#include <sallyport/vfs/test_directory.hpp>

#include <atomic>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

constexpr auto first = ".sallyport-0123456789abcdef.part";
constexpr auto second = ".sallyport-fedcba9876543210.part";

class leftovers : public testing::Test {
protected:
    std::size_t sweep() { return remove_leftovers_beneath(root_.path().string(), std::stop_token()); }
    std::set<std::string> names() const {
        std::set<std::string> out;
        for (const auto& e : fs::recursive_directory_iterator(root_.path()))
            out.insert(e.path().lexically_relative(root_.path()).string());
        return out;
    }

    test_directory root_;
};

TEST_F(leftovers, are_removed_at_every_depth) {
    fs::create_directories(root_ / "a/b/c");
    fs::create_directory(root_ / "empty");
    for (const auto* prefix : {"", "a/", "a/b/c/"}) {
        write_disk(root_ / (std::string(prefix) + first), "half of an upload");
        write_disk(root_ / (std::string(prefix) + "kept"), "whole");
    }
    write_disk(root_ / second, "");
    EXPECT_EQ(sweep(), 4U);
    EXPECT_EQ(names(), (std::set<std::string>{"a", "a/b", "a/b/c", "a/b/c/kept", "a/kept", "empty", "kept"}));
    EXPECT_EQ(sweep(), 0U);
}

TEST_F(leftovers, are_many_in_a_large_directory) {
    for (int i = 0; i < 3000; ++i) write_disk(root_ / fmt::format("{}{}", std::string(60, 'n'), i), "");
    for (int i = 0; i < 300; ++i) write_disk(root_ / fmt::format(".sallyport-{:016x}.part", i), "");
    EXPECT_EQ(sweep(), 300U);
    EXPECT_EQ(names().size(), 3000U);
}

TEST_F(leftovers, are_kept_while_locked) {
    write_disk(root_ / first, "being written");
    write_disk(root_ / second, "left");
    {
        const unique_fd other(::open((root_ / first).c_str(), O_RDONLY));
        ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
        EXPECT_EQ(sweep(), 1U);
        EXPECT_EQ(names(), std::set<std::string>{first});
    }
    EXPECT_EQ(sweep(), 1U);
}

TEST_F(leftovers, are_files_of_that_very_form_only) {
    for (const auto* other :
         {".sallyport-0123456789abcdef.part.bak", ".sallyport-0123456789ABCDEF.part", ".sallyport-.part", "x.part"})
        write_disk(root_ / other, "other content");
    fs::create_directory(root_ / first);
    write_disk(root_ / (std::string(first) + "/f"), "a directory may be called so");
    ASSERT_EQ(::mkfifo((root_ / second).c_str(), 0600), 0);
    const auto before = names();
    EXPECT_EQ(sweep(), 0U);
    EXPECT_EQ(names(), before);
}

TEST_F(leftovers, are_not_searched_through_links) {  // FS-02
    const test_directory outside;
    write_disk(outside / first, "another's");
    fs::create_directory_symlink(outside.path(), root_ / "link");
    fs::create_symlink(outside / first, root_ / second);
    EXPECT_EQ(sweep(), 0U);
    EXPECT_TRUE(fs::exists(outside / first));
    EXPECT_TRUE(fs::is_symlink(root_ / second));
}

TEST_F(leftovers, remain_if_the_sweep_is_stopped) {
    write_disk(root_ / first, "");
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(remove_leftovers_beneath(root_.path().string(), stop.get_token()), 0U);
    EXPECT_EQ(remove_leftovers_beneath((root_ / "none").string(), std::stop_token()), 0U);
    EXPECT_TRUE(fs::exists(root_ / first));
}

// Uploads with and without O_TMPFILE, and replacing, for which there is a temporary name for a short time.
TEST_F(leftovers, are_never_taken_from_uploads_that_run) {
    write_disk(root_ / "f", "old");
    const auto directory = root_directory::open(root_.path().string());
    ASSERT_TRUE(directory);
    std::atomic<bool> done = false;
    std::thread sweeping([&] {
        while (!done) sweep();
    });
    int failed = 0;
    for (int i = 0; i < 400; ++i) {
        auto target = (*directory)->locate(at("/f"));
        auto upload = open_posix_store(
            {std::move(*target), "/f", store_mode::replace, 0, may_block::yes, {.sync = sync_policy::none}, i % 2 == 0});
        failed += upload && (*upload)->write(std::to_string(i)) && (*upload)->commit() ? 0 : 1;
    }
    done = true;
    sweeping.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(read_disk(root_ / "f"), "399");
}

}  // namespace
}  // namespace sallyport::vfs
