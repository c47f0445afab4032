// Changes of names are on the disk when the call returns (DU-01). The test replaces fsync().

#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <sallyport/vfs/test_disk.hpp>

#include <cerrno>
#include <string>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

// The synced paths in order. Per thread, as all tests of this program use this fsync(), some with several threads.
thread_local std::vector<std::string> synced;
thread_local int fails_with = 0;

}  // namespace

extern "C" int fsync(int fd) {
    std::error_code ignored;
    synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored).string());
    if (fails_with != 0) {
        errno = fails_with;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace sallyport::vfs {
namespace {

class posix_sync : public testing::Test {
protected:
    posix_sync() {
        std::filesystem::create_directories(root_ / "a/full");
        std::filesystem::create_directory(root_ / "b");
        write_disk(root_ / "a/file", "content");
        synced.clear();
        fails_with = 0;
    }
    ~posix_sync() override { fails_with = 0; }

    void open(sync_policy sync) { files_ = *open_posix_filesystem(root_.path().string(), {.sync = sync}); }
    std::vector<std::string> of(std::initializer_list<const char*> names) const {
        std::vector<std::string> out;
        for (const char* name : names) out.push_back((root_ / name).string());
        return out;
    }

    test_directory root_;
    std::shared_ptr<filesystem> files_;
};

TEST_F(posix_sync, changes_of_names_are_synced_as_uploads_are) {
    open(sync_policy::full);
    EXPECT_TRUE(files_->make_directory(at("/a/new")));
    EXPECT_EQ(std::exchange(synced, {}), of({"a"}));
    EXPECT_TRUE(files_->remove_directory(at("/a/new")));
    EXPECT_EQ(std::exchange(synced, {}), of({"a"}));
    EXPECT_TRUE(files_->rename(at("/a/file"), at("/a/other")));
    EXPECT_EQ(std::exchange(synced, {}), of({"a"}));
    EXPECT_TRUE(files_->rename(at("/a/other"), at("/b/other"))) << "the new name before the old one";
    EXPECT_EQ(std::exchange(synced, {}), of({"b", "a"}));
    EXPECT_TRUE(files_->remove_file(at("/b/other")));
    EXPECT_EQ(std::exchange(synced, {}), of({"b"}));
}

TEST_F(posix_sync, nothing_is_synced_with_policy_none) {
    open(sync_policy::none);
    EXPECT_TRUE(files_->make_directory(at("/a/new")));
    EXPECT_TRUE(files_->rename(at("/a/file"), at("/b/other")));
    EXPECT_TRUE(files_->remove_file(at("/b/other")));
    EXPECT_TRUE(files_->remove_directory(at("/a/new")));
    EXPECT_EQ(synced, std::vector<std::string>());
}

TEST_F(posix_sync, a_change_that_did_not_happen_is_not_synced) {
    open(sync_policy::full);
    EXPECT_FALSE(files_->remove_file(at("/a/none")));
    EXPECT_FALSE(files_->make_directory(at("/a")));
    EXPECT_EQ(synced, std::vector<std::string>());
}

TEST_F(posix_sync, reports_a_failed_sync) {
    open(sync_policy::full);
    fails_with = EIO;
    const auto done = files_->make_directory(at("/a/new"));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, errc::io);
}

}  // namespace
}  // namespace sallyport::vfs
