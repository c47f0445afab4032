#include <sallyport/vfs/quota.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>

#include <gtest/gtest.h>
#include <support/faulty_filesystem.hpp>

#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

virtual_path quota_path(const std::string& text) { return virtual_path().resolve(text).value(); }

class quota_test : public testing::Test {
protected:
    std::shared_ptr<filesystem> limited(const quota_limits& limits) {
        auto real = open_posix_filesystem(home_.path(), {.sync = sync_policy::none}).value();
        return limit_files(make_faulty_filesystem(std::move(real), plan_), limits).value();
    }
    /// An upload in pieces of at most 10 bytes.
    static result<void> store(filesystem& files, const std::string& name, std::size_t size,
                              store_mode mode = store_mode::replace, bool commit = true) {
        auto upload = files.open_store(quota_path(name), mode, 0, may_block::yes);
        if (!upload) return std::unexpected(upload.error());
        for (std::size_t done = 0; done < size; done += 10) {
            const std::string bytes(std::min<std::size_t>(10, size - done), 'x');
            if (auto wrote = (*upload)->write(bytes); !wrote) return wrote;
        }
        return commit ? (*upload)->commit() : result<void>();
    }
    static errc code(const result<void>& outcome) { return outcome ? errc::misuse : outcome.error().code; }

    void write(const std::string& name, std::size_t size) {
        fs::create_directories((home_.path() / name).parent_path());
        std::ofstream(home_.path() / name) << std::string(size, 'o');
    }
    std::uintmax_t bytes_on_disk() {
        std::uintmax_t out = 0;
        for (const auto& e : fs::recursive_directory_iterator(home_.path()))
            if (e.is_regular_file()) out += e.file_size();
        return out;
    }

    test_directory home_;
    std::shared_ptr<fault_plan> plan_ = std::make_shared<fault_plan>();
};

TEST_F(quota_test, what_is_there_counts) {
    write("a", 40);
    write("d/b", 40);
    const auto files = limited({.bytes = 100});
    EXPECT_TRUE(store(*files, "/c", 20));
    EXPECT_EQ(code(store(*files, "/e", 1)), errc::quota);
    EXPECT_TRUE(store(*files, "/e", 0)) << "it needs nothing";
    EXPECT_TRUE(files->remove_file(quota_path("/d/b")));
    EXPECT_TRUE(store(*files, "/e", 40));
    EXPECT_EQ(code(store(*files, "/f", 1)), errc::quota);
    EXPECT_EQ(files->open_store(quota_path("/f"), store_mode::replace, 0, may_block::no).error().code, errc::busy);
}

TEST_F(quota_test, no_more_is_free_than_the_quota_permits) {
    write("a", 40);
    const auto files = limited({.bytes = 100, .files = 2});
    EXPECT_EQ(files->free_bytes(virtual_path()), 60U);
    ASSERT_TRUE(store(*files, "/b", 50));
    EXPECT_EQ(files->free_bytes(virtual_path()), 0U) << "there may be no third file";
    EXPECT_GT(limited({.files = 3})->free_bytes(virtual_path()).value(), 1000U);
    EXPECT_EQ(files->free_bytes(quota_path("/none")).error().code, errc::not_found);
}

TEST_F(quota_test, only_the_growth_of_a_file_counts) {
    write("a", 90);
    const auto files = limited({.bytes = 100, .files = 1});
    EXPECT_TRUE(store(*files, "/a", 100));
    EXPECT_EQ(code(store(*files, "/a", 101)), errc::quota);
    EXPECT_TRUE(store(*files, "/a", 70));
    EXPECT_TRUE(store(*files, "/a", 30, store_mode::append));
    EXPECT_EQ(code(store(*files, "/a", 1, store_mode::append)), errc::quota);
    EXPECT_EQ(fs::file_size(home_.path() / "a"), 100U);
}

TEST_F(quota_test, uploads_that_end_without_commit_leave_nothing) {
    const auto files = limited({.bytes = 100, .files = 1});
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(store(*files, "/a", 90, store_mode::replace, false));
    plan_->fail_at(operation::commit, 1, errc::io);
    EXPECT_EQ(code(store(*files, "/a", 90)), errc::io);
    plan_->fail_at(operation::write, 2, errc::no_space);
    EXPECT_EQ(code(store(*files, "/a", 90)), errc::no_space);
    EXPECT_TRUE(store(*files, "/b", 100));
}

TEST_F(quota_test, files_directories_and_links_are_limited_in_number) {
    write("f", 0);
    fs::create_symlink("f", home_.path() / "link");
    const auto files = limited({.files = 4});
    EXPECT_TRUE(files->make_directory(quota_path("/d")));
    EXPECT_TRUE(store(*files, "/d/g", 5));
    EXPECT_EQ(code(files->make_directory(quota_path("/e"))), errc::quota);
    EXPECT_EQ(code(store(*files, "/h", 0)), errc::quota);
    EXPECT_TRUE(store(*files, "/f", 5)) << "it replaces one";
    EXPECT_TRUE(files->remove_file(quota_path("/link")));
    EXPECT_TRUE(files->make_directory(quota_path("/e")));
    EXPECT_TRUE(files->remove_directory(quota_path("/e")));
    EXPECT_TRUE(files->rename(quota_path("/d"), quota_path("/dd")));
    EXPECT_TRUE(files->rename(quota_path("/dd/g"), quota_path("/f"))) << "one of two is left";
    EXPECT_TRUE(store(*files, "/1", 0));
    EXPECT_TRUE(store(*files, "/2", 0));
    EXPECT_EQ(code(store(*files, "/3", 0)), errc::quota);
}

TEST_F(quota_test, a_failed_change_is_measured) {
    write("a", 50);
    const auto files = limited({.bytes = 100});
    EXPECT_TRUE(store(*files, "/b", 50));
    plan_->fail_at(operation::change, 1, errc::io);
    EXPECT_FALSE(files->remove_file(quota_path("/a")));
    EXPECT_EQ(code(store(*files, "/c", 1)), errc::quota);
    EXPECT_TRUE(files->remove_file(quota_path("/a")));
    EXPECT_TRUE(store(*files, "/c", 50));
    // What it has done can't be measured: the files are counted again.
    plan_->fail_at(operation::open_directory, 2, errc::io);
    EXPECT_TRUE(files->remove_file(quota_path("/b")));
    EXPECT_TRUE(store(*files, "/d", 50));
    EXPECT_EQ(code(store(*files, "/e", 1)), errc::quota);
}

TEST_F(quota_test, files_that_cannot_be_counted_are_no_reason_to_grow) {
    const auto files = limited({.bytes = 100});
    // The first is that of the new file.
    plan_->fail_at(operation::open_directory, 2, errc::io);
    EXPECT_EQ(code(store(*files, "/a", 1)), errc::io);
    EXPECT_TRUE(store(*files, "/a", 1));
}

TEST_F(quota_test, accounts_with_one_home_share_it) {
    const auto first = limited({.bytes = 100});
    const auto second = limited({.bytes = 60});
    EXPECT_TRUE(store(*first, "/a", 50));
    EXPECT_EQ(code(store(*second, "/b", 11)), errc::quota);
    EXPECT_TRUE(store(*first, "/b", 50));
}

TEST_F(quota_test, parts_count_once) {
    const auto files = limited({.bytes = 100, .files = 1});
    const auto part = quota_path("/f.partial");
    const auto open = [&] { return files->open_part(part, quota_path("/f"), {}, existing_target::keep); };
    const auto add = [](vfs::store_file& upload, std::size_t size) { return upload.write(std::string(size, 'x')); };
    auto upload = open();
    ASSERT_TRUE(upload);
    EXPECT_TRUE(add(**upload, 61));
    upload->reset();
    EXPECT_EQ(bytes_on_disk(), 61U);
    upload = open();
    ASSERT_TRUE(upload);
    // Its last byte is written again.
    EXPECT_TRUE(add(**upload, 31));
    EXPECT_EQ(code(add(**upload, 10)), errc::quota);
    upload->reset();
    EXPECT_EQ(bytes_on_disk(), 91U);
    EXPECT_EQ(code(store(*files, "/g", 1)), errc::quota);
    upload = open();
    ASSERT_TRUE(upload);
    EXPECT_TRUE(add(**upload, 9));
    ASSERT_TRUE(files->rename(part, quota_path("/other"), existing_target::keep));
    EXPECT_EQ(code(add(**upload, 1)), errc::busy) << "a file that has another name can't grow beyond the quota";
    upload->reset();
    ASSERT_TRUE(files->rename(quota_path("/other"), part, existing_target::keep));
    upload = open();
    ASSERT_TRUE(upload);
    EXPECT_TRUE(add(**upload, 1));
    EXPECT_TRUE((*upload)->commit());
    upload->reset();
    EXPECT_EQ(bytes_on_disk(), 99U);
    EXPECT_EQ(code(store(*files, "/g", 1)), errc::quota);
    ASSERT_TRUE(files->remove_file(quota_path("/f")));
    EXPECT_TRUE(store(*files, "/g", 100));
}

TEST_F(quota_test, eight_uploads_at_once_never_exceed_it_by_a_byte) {
    constexpr std::uintmax_t limit = 4000;
    const auto files = limited({.bytes = limit, .files = 12});
    // Taken alone to look at the disk, which can't be seen at one moment otherwise.
    std::shared_mutex world;
    std::atomic<bool> over = false;
    std::atomic<int> refused = 0;
    const auto client = [&](unsigned seed) {
        std::mt19937 rng(seed);
        const auto any = [&](unsigned n) { return rng() % n; };
        const auto name = [&] { return "/f" + std::to_string(any(16)); };
        for (int i = 0; i < 150; ++i) {
            std::shared_lock all(world);
            result<void> done;
            switch (any(6)) {
                case 0: done = files->remove_file(quota_path(name())); break;
                case 1: done = files->rename(quota_path(name()), quota_path(name())); break;
                case 2: done = store(*files, name(), any(900), store_mode::append); break;
                case 3: done = store(*files, name(), any(900), store_mode::replace, false); break;
                default: done = store(*files, name(), any(900)); break;
            }
            if (code(done) == errc::quota) ++refused;
            all.unlock();
            if (i % 5 != 0) continue;
            const std::unique_lock alone(world);
            if (bytes_on_disk() > limit) over = true;
        }
    };
    std::vector<std::jthread> clients;
    for (unsigned i = 0; i < 8; ++i) clients.emplace_back(client, i);
    clients.clear();
    EXPECT_FALSE(over);
    EXPECT_GT(refused, 0);
    // Nothing stays reserved: what is free can be used, to the byte.
    const auto used = bytes_on_disk();
    ASSERT_LE(used, limit);
    for (int i = 0; i < 16; ++i) (void)files->remove_file(quota_path("/f" + std::to_string(i)));
    EXPECT_TRUE(store(*files, "/whole", limit));
    EXPECT_EQ(code(store(*files, "/more", 1)), errc::quota);
}

}  // namespace
}  // namespace sallyport::vfs
