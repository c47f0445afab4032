#include <sallyport/vfs/public_view.hpp>

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <support/memory_filesystem.hpp>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

class public_view : public testing::Test {
protected:
    void put(const std::string& path, mode_t mode) {
        fs::create_directories((dir_ / path).parent_path());
        write_disk(dir_ / path, path);
        ::chmod((dir_ / path).c_str(), mode);
    }
    void mode(const std::string& path, mode_t m) { ::chmod((dir_ / path).c_str(), m); }

    std::shared_ptr<filesystem> view() {
        return make_public_view(*open_posix_filesystem(dir_.path().string(), {.follow_links = false}));
    }
    std::vector<std::string> names(const std::string& path) {
        std::vector<entry> entries;
        const auto opened = view()->open_directory(at(path));
        if (!opened) return {"(" + std::string(name(opened.error().code)) + ")"};
        for (std::size_t had = 1; had != entries.size();) {
            had = entries.size();
            EXPECT_TRUE((*opened)->read(entries));
        }
        std::vector<std::string> out;
        for (const auto& e : entries) out.push_back(e.name);
        std::ranges::sort(out);
        return out;
    }
    /// Checks all operations that could find the file.
    bool is_visible(const std::string& path) {
        const auto files = view();
        const bool stat = files->stat(at(path), may_block::yes).has_value();
        const auto read = files->open_read(at(path), may_block::yes);
        EXPECT_EQ(stat, read.has_value()) << path;
        if (!stat) {
            EXPECT_EQ(read.error().code, errc::not_found) << path;
        }
        return stat;
    }

    test_directory dir_;
};

TEST_F(public_view, shows_world_readable_files_but_no_dot_files) {
    put("open", 0644);
    put("own", 0600);
    put("group", 0640);
    put(".hidden", 0644);
    put("pub/open", 0644);
    put("pub/.hidden/open", 0644);
    put("closed/open", 0644);
    put("entered/open", 0644);
    mode("pub", 0755);
    mode("closed", 0700);
    mode("entered", 0711);
    // The mode of the root is ignored.
    mode("", 0700);
    EXPECT_EQ(names("/"), (std::vector<std::string>{"open", "pub"}));
    EXPECT_EQ(names("/pub"), (std::vector<std::string>{"open"}));
    for (const char* path : {"/closed", "/entered", "/pub/.hidden", "/.hidden"})
        EXPECT_EQ(names(path), (std::vector<std::string>{"(not_found)"})) << path;
    EXPECT_TRUE(is_visible("/open"));
    EXPECT_TRUE(is_visible("/pub/open"));
    for (const char* path :
         {"/own", "/group", "/.hidden", "/closed/open", "/entered/open", "/pub/.hidden/open", "/none", "/pub/../.hidden"})
        EXPECT_FALSE(is_visible(path)) << path;
}

TEST_F(public_view, follows_no_link) {
    put("open", 0644);
    put(".secret/key", 0644);
    put("closed/key", 0644);
    mode("closed", 0700);
    fs::create_symlink(".secret/key", dir_ / "a");
    fs::create_symlink(".secret", dir_ / "b");
    fs::create_symlink("closed/key", dir_ / "c");
    fs::create_symlink("open", dir_ / "d");
    EXPECT_EQ(names("/"), (std::vector<std::string>{"open"}));
    for (const char* path : {"/a", "/b/key", "/c", "/d"}) EXPECT_FALSE(is_visible(path)) << path;
    EXPECT_EQ(names("/b"), (std::vector<std::string>{"(not_found)"}));
}

TEST_F(public_view, changes_only_what_it_shows) {
    put("open", 0644);
    put("private", 0640);
    put(".dot", 0644);
    put("closed/key", 0644);
    mode("closed", 0700);
    const auto files = view();
    for (const char* path : {"/private", "/.dot", "/closed/key"}) {
        EXPECT_FALSE(files->open_store(at(path), store_mode::replace, 0, may_block::yes)) << path;
        EXPECT_FALSE(files->remove_file(at(path))) << path;
        EXPECT_FALSE(files->rename(at(path), at("/taken"))) << path;
        EXPECT_FALSE(files->rename(at("/open"), at(path))) << path;
        EXPECT_FALSE(files->set_modified(at(path), 1)) << path;
        EXPECT_EQ(read_disk(dir_ / (path + 1)), path + 1);
    }
    for (const char* path : {"/.new", "/closed/new"}) {
        EXPECT_FALSE(files->make_directory(at(path))) << path;
        EXPECT_FALSE(files->open_store(at(path), store_mode::replace, 0, may_block::yes)) << path;
    }
    put_file(*files, "/new", "new");
    EXPECT_EQ(read_disk(dir_ / "new"), "new");
    EXPECT_FALSE(is_visible("/new")) << "its mode is 0640";
    EXPECT_TRUE(files->rename(at("/open"), at("/moved")));
    EXPECT_TRUE(files->remove_file(at("/moved")));
    EXPECT_TRUE(files->make_directory(at("/d")));
}

// A batch of hidden entries must not be mistaken for the end.
TEST_F(public_view, continues_after_a_batch_of_hidden_names) {
    for (std::size_t i = 0; i < directory::batch + 10; ++i) put(".hidden" + std::to_string(i), 0644);
    put("open", 0644);
    EXPECT_EQ(names("/"), (std::vector<std::string>{"open"}));
}

}  // namespace
}  // namespace sallyport::vfs
