#include <sallyport/base/unique_fd.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <sallyport/vfs/test_disk.hpp>
#include <support/memory_filesystem.hpp>

#include <algorithm>
#include <array>
#include <chrono>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <gtest/gtest.h>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

class posix_files : public testing::Test {
protected:
    test_directory root_;
    std::shared_ptr<filesystem> files_ = *open_posix_filesystem(root_.path().string(), {.sync = sync_policy::none});
};

TEST(open_posix_filesystem, says_why_it_cannot_open_the_root) {
    const test_directory root;
    write_disk(root / "file", "");
    EXPECT_EQ(open_posix_filesystem((root / "none").string(), {}).error().code, errc::not_found);
    const auto failed = open_posix_filesystem((root / "file").string(), {});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, errc::not_a_directory);
    EXPECT_NE(failed.error().text().find((root / "file").string()), std::string::npos);
}

// FS-05
TEST_F(posix_files, special_files_are_refused_at_once) {
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
    const unique_fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto name = (root_ / "socket").string();
    ASSERT_LT(name.size(), sizeof address.sun_path);
    name.copy(address.sun_path, name.size());
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    std::vector<std::string> specials{"/fifo", "/socket"};
    if (::mknod((root_ / "zero").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0) specials.emplace_back("/zero");

    const auto begin = std::chrono::steady_clock::now();
    for (const auto& path : specials) {
        EXPECT_EQ(files_->open_read(at(path), may_block::yes).error().code, errc::not_a_file) << path;
        EXPECT_EQ(files_->stat(at(path), may_block::yes)->type, file_type::other) << path;
        for (const auto mode : {store_mode::replace, store_mode::resume, store_mode::append}) {
            EXPECT_EQ(files_->open_store(at(path), mode, 0, may_block::yes).error().code, errc::not_a_file) << path;
        }
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(posix_files, a_huge_sparse_file_is_served_like_any_other) {
    const unique_fd fd(::open((root_ / "sparse").c_str(), O_CREAT | O_WRONLY, 0600));
    // 8 TiB, less than the maximum of ext4.
    constexpr std::int64_t size = std::int64_t{1} << 43;
    if (::ftruncate(fd.get(), size) != 0) GTEST_SKIP() << "this disk's files cannot be that large";
    const auto file = files_->open_read(at("/sparse"), may_block::yes);
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->facts().size, static_cast<std::uint64_t>(size));
    std::array<char, 16> buffer{'x'};
    EXPECT_EQ((*file)->read_at(static_cast<std::uint64_t>(size) - 8, buffer, may_block::yes), 8U);
    EXPECT_EQ(buffer[0], '\0');
}

TEST_F(posix_files, what_the_kernel_knows_needs_no_waiting) {
    put_file(*files_, "/f", "content");
    ASSERT_TRUE(files_->stat(at("/f"), may_block::yes));
    const auto facts = files_->stat(at("/f"), may_block::no);
    ASSERT_TRUE(facts) << facts.error().text();
    EXPECT_EQ(facts->size, 7U);
    const auto file = files_->open_read(at("/f"), may_block::no);
    ASSERT_TRUE(file) << file.error().text();
    EXPECT_GE((*file)->descriptor(), 0);
}

TEST_F(posix_files, what_was_dropped_from_memory_is_not_resident_until_loaded) {
    put_file(*files_, "/f", std::string(1 << 20, 'x'));
    const auto file = files_->open_read(at("/f"), may_block::yes);
    ASSERT_TRUE(file);
    EXPECT_TRUE((*file)->resident(0, 1 << 20));
    ASSERT_EQ(::fsync((*file)->descriptor()), 0);
    ASSERT_EQ(::posix_fadvise((*file)->descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
    if ((*file)->resident(0, 1 << 20)) GTEST_SKIP() << "this file system's content is always in memory";
    std::array<char, 16> buffer{};
    EXPECT_EQ((*file)->read_at(0, buffer, may_block::no).error().code, errc::busy);
    ASSERT_TRUE((*file)->load(0, 1 << 20));
    EXPECT_TRUE((*file)->resident(0, 1 << 20));
    EXPECT_EQ((*file)->read_at(0, buffer, may_block::no), buffer.size());
}

// FS-05: an operation that does not wait for a disk can be done with may_block::no.
TEST_F(posix_files, in_memory_needs_no_waiting_but_much_work_does) {
    const auto failed = run_on_tmpfs(root_.path(), "8m", [this] {
        int wrong = 0;
        const auto files = *open_posix_filesystem(root_.path().string(), {});
        const auto open_at_once = [&](const char* name, store_mode mode) {
            const auto opened = files->open_store(at(name), mode, 0, may_block::no);
            return opened ? errc::misuse : opened.error().code;
        };
        write_disk(root_ / "brief", "old");
        write_disk(root_ / "large", std::string(3 << 20, 'o'));
        {
            auto upload = files->open_store(at("/brief"), store_mode::replace, 0, may_block::no);
            wrong += upload && (*upload)->write(std::string_view("new")) && (*upload)->commit() ? 0 : 1;
            wrong += read_disk(root_ / "brief") == "new" ? 0 : 1;
        }
        wrong += open_at_once("/brief", store_mode::append) == errc::busy ? 0 : 1;
        wrong += open_at_once("/large", store_mode::replace) == errc::busy ? 0 : 1;
        return wrong;
    });
    if (!failed) GTEST_SKIP() << "needs the right to mount";
    EXPECT_EQ(failed, 0);
}

TEST_F(posix_files, a_directory_with_leftovers_only_counts_as_empty) {
    fs::create_directory(root_ / "d");
    write_disk(root_ / "d/.sallyport-0123456789abcdef.part", "left by a killed process");
    std::vector<entry> entries;
    ASSERT_TRUE((*files_->open_directory(at("/d")))->read(entries));
    EXPECT_TRUE(entries.empty());
    write_disk(root_ / "d/real", "");
    EXPECT_EQ(files_->remove_directory(at("/d")).error().code, errc::not_empty);
    fs::remove(root_ / "d/real");
    EXPECT_TRUE(files_->remove_directory(at("/d")));
    EXPECT_FALSE(fs::exists(root_ / "d"));
}

TEST_F(posix_files, links_beneath_the_root_are_followed_for_reading) {
    fs::create_directory(root_ / "d");
    write_disk(root_ / "d/f", "content");
    fs::create_symlink("d", root_ / "l");
    EXPECT_EQ(get_file(*files_, "/l/f"), "content");
    put_file(*files_, "/l/g", "through a directory's link");
    EXPECT_EQ(read_disk(root_ / "d/g"), "through a directory's link");
    ASSERT_TRUE(files_->set_modified(at("/l/f"), 77));
    EXPECT_EQ(files_->stat(at("/d/f"), may_block::yes)->modified, 77);
}

TEST_F(posix_files, lists_a_large_directory_completely) {
    constexpr int count = 2000;
    // Long names, so that more than one system call is needed.
    const std::string prefix(100, 'n');
    for (int i = 0; i < count; ++i) {
        const unique_fd made(::open((root_ / (prefix + std::to_string(i))).c_str(), O_CREAT | O_WRONLY, 0600));
        ASSERT_TRUE(made);
    }
    const auto listing = files_->open_directory(virtual_path());
    ASSERT_TRUE(listing);
    std::vector<entry> batch;
    std::vector<bool> seen(count);
    int total = 0;
    do {
        batch.clear();
        ASSERT_TRUE((*listing)->read(batch));
        for (const auto& e : batch) {
            seen.at(std::stoul(e.name.substr(prefix.size()))) = true;
            ++total;
        }
    } while (!batch.empty());
    EXPECT_EQ(total, count);
    EXPECT_EQ(std::ranges::count(seen, true), count);
}

}  // namespace
}  // namespace sallyport::vfs
