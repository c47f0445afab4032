#include <sallyport/ops/unix_listener.hpp>

#include <filesystem>
#include <fstream>

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/ops/test_loop.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

class UnixListener : public loop_test {
protected:
    void TearDown() override { fs::remove_all(directory); }
    [[nodiscard]] static mode_t mode_of(const std::string& path) {
        struct stat s{};
        EXPECT_EQ(::stat(path.c_str(), &s), 0);
        return s.st_mode & 07777U;
    }

    fs::path directory = [] {
        std::string name = fs::temp_directory_path() / "unix-listener-XXXXXX";
        return fs::path(::mkdtemp(name.data()));
    }();
    std::string path = directory / "some.sock";
};

TEST_F(UnixListener, GivesItsFileToAGroup_G12) {
    // The umask must not matter.
    const auto mask = ::umask(077);
    const auto opened = unix_listener::open(loops.at(0), "some socket", {.path = path, .group = ::getegid(), .mode = 0660});
    ::umask(mask);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(mode_of(path), 0660U);
    struct stat s{};
    ASSERT_EQ(::stat(path.c_str(), &s), 0);
    EXPECT_EQ(s.st_gid, ::getegid());
    EXPECT_EQ(std::distance(fs::directory_iterator(directory), fs::directory_iterator()), 1);
}

TEST_F(UnixListener, RefusesAGroupThatItMayNotGiveItTo) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may";
    const auto refused = unix_listener::open(loops.at(0), "some socket", {.path = path, .group = 0, .mode = 0660});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("may not give it to group 0"), std::string::npos) << refused.error().text();
    EXPECT_TRUE(fs::is_empty(directory));
}

TEST_F(UnixListener, RemovesItsFileOnceAndNoOther) {
    auto first = unix_listener::open(loops.at(0), "some socket", {.path = path});
    ASSERT_TRUE(first);
    auto second = unix_listener::open(loops.at(0), "some socket", {.path = path}, true);
    ASSERT_TRUE(second);
    first->reset();
    EXPECT_TRUE(fs::exists(path));
    (*second)->close();
    EXPECT_FALSE(fs::exists(path));
    std::ofstream(path) << "of another program";
    second->reset();
    EXPECT_TRUE(fs::exists(path));
}

TEST_F(UnixListener, NamesTheSocketInItsErrors) {
    std::ofstream(path) << "a file";
    const auto refused = unix_listener::open(loops.at(0), "some socket", {.path = path});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "some socket " + path + ": a file of another kind exists there; choose another path");
    EXPECT_EQ(unix_listener::open(loops.at(0), "some socket", {.path = std::string(200, 'x')}).error().code, errc::too_long);
}

TEST(PeerUser, IsThatOfTheOtherEnd_G12) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const unique_fd one(ends[0]);
    const unique_fd other(ends[1]);
    EXPECT_EQ(peer_user(one.get()), ::geteuid());
    EXPECT_EQ(peer_user(-1), std::nullopt);
}

}  // namespace
}  // namespace sallyport::ops
