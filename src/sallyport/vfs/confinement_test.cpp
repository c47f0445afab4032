// Nothing outside the root is read, listed, revealed or changed: FS-01 (paths) and FS-02 (links and races).

#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <support/memory_filesystem.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include <gtest/gtest.h>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t canary_time = 1000000000;
const std::string secret = "the canary's secret";

/// DIR/root with a file DIR/outside/canary outside it, whose status is known.
class confined : public testing::Test {
protected:
    confined() {
        fs::create_directory(base_ / "outside");
        fs::create_directory(base_ / "root");
        write_disk(canary_, secret);
        const std::array<timespec, 2> times{timespec{canary_time, 0}, timespec{canary_time, 0}};
        ::utimensat(AT_FDCWD, canary_.c_str(), times.data(), 0);
        files_ = *open_posix_filesystem(root().string(), {.sync = sync_policy::none});
    }
    ~confined() override {
        struct ::stat facts{};
        EXPECT_EQ(::stat(canary_.c_str(), &facts), 0) << "the canary was removed";
        EXPECT_EQ(facts.st_mtim.tv_sec, canary_time);
        EXPECT_EQ(read_disk(canary_), secret);
        int others = 0;
        for (const auto& e : fs::directory_iterator(base_ / "outside")) others += e.path() == canary_ ? 0 : 1;
        EXPECT_EQ(others, 0) << "something was created outside";
    }

    fs::path root() const { return base_ / "root"; }

    /// Tries all operations on one path; none may reveal anything of the canary.
    void try_everything(const virtual_path& path) {
        if (const auto facts = files_->stat(path, may_block::yes)) {
            EXPECT_NE(facts->modified, canary_time) << path.text();
        }
        if (const auto file = files_->open_read(path, may_block::yes)) {
            std::array<char, 64> buffer{};
            const auto got = (*file)->read_at(0, buffer, may_block::yes);
            EXPECT_NE(std::string_view(buffer.data(), got.value_or(0)), secret) << path.text();
        }
        if (const auto listing = files_->open_directory(path)) {
            std::vector<entry> entries;
            static_cast<void>((*listing)->read(entries));
            for (const auto& e : entries) EXPECT_NE(e.name, "canary") << path.text();
        }
        for (const auto mode : {store_mode::replace, store_mode::create_only, store_mode::append, store_mode::resume}) {
            if (auto upload = files_->open_store(path, mode, 0, may_block::yes)) {
                static_cast<void>((*upload)->write(std::string_view("overwritten")));
                static_cast<void>((*upload)->commit());
            }
        }
        static_cast<void>(files_->set_modified(path, 1));
        static_cast<void>(files_->set_mode(path, 0777));
        static_cast<void>(files_->rename(path, at("/moved")));
        static_cast<void>(files_->rename(at("/moved"), path));
        static_cast<void>(files_->make_directory(path));
        static_cast<void>(files_->remove_directory(path));
        static_cast<void>(files_->remove_file(path));
    }

    test_directory base_;
    fs::path canary_ = base_ / "outside/canary";
    std::shared_ptr<filesystem> files_;
};

// FS-01
// CVE-2001-0249 CVE-2001-0550 CVE-2003-0466 CVE-2015-1419 CVE-2022-22836 CVE-2026-30914.
TEST_F(confined, no_path_escapes) {
    std::vector<std::string> corpus = {"../outside/canary",
                                       "/../outside/canary",
                                       "a/../../outside/canary",
                                       "/./../outside/./canary",
                                       "//..//outside//canary",
                                       "....//outside/canary",
                                       "..\\outside\\canary",
                                       "%2e%2e/outside/canary",
                                       "..%2foutside%2fcanary",
                                       "~",
                                       "~root",
                                       "~{",
                                       "C:\\",
                                       "/proc/self/root",
                                       "/proc/self/cwd",
                                       "/dev/fd/3",
                                       "/etc/passwd",
                                       "outside /canary",
                                       "..",
                                       "../..",
                                       "...",
                                       ". .",
                                       ".. /canary",
                                       "/..;/outside/canary",
                                       "..\xc0\xaf..\xc0\xafoutside/canary",
                                       "\xef\xbc\x8e\xef\xbc\x8e/outside/canary",
                                       canary_.string(),
                                       canary_.string().substr(1),
                                       std::string(255, 'a'),
                                       "\xff\xfe"};
    for (int depth = 1; depth < 40; ++depth) {
        std::string up;
        for (int i = 0; i < depth; ++i) up += "../";
        corpus.push_back(up + canary_.string().substr(1));
        corpus.push_back("x/" + up + "outside/canary");
    }
    for (const auto& text : corpus) {
        if (const auto path = virtual_path().resolve(text)) try_everything(*path);
    }
    // Text with control bytes and text that is too long is no path.
    std::string deep;
    for (int i = 0; i < 10000; ++i) deep += "a/";
    for (const auto& text : {std::string("canary\0", 7), std::string("a\nb"), std::string(256, 'a'), deep}) {
        EXPECT_FALSE(virtual_path().resolve(text)) << text.substr(0, 20);
    }
}

// FS-02
TEST_F(confined, links_that_escape_are_not_followed) {
    const auto link = [this](const fs::path& to, const char* name) { fs::create_symlink(to, root() / name); };
    link("../outside", "relative");
    link(base_ / "outside", "absolute");
    link("../outside/canary", "file");
    link(canary_, "absolute-file");
    link("relative", "chain");
    link("../root/../outside", "in-and-out");
    link("/proc/self/root", "magic");
    link("/proc/self/cwd", "magic-cwd");
    link("loop", "loop");
    fs::create_directory(root() / "sub");
    fs::create_symlink("../../outside", root() / "sub/up");
    for (const auto* text :
         {"/relative", "/absolute", "/file", "/absolute-file", "/chain", "/in-and-out", "/magic", "/loop", "/sub/up"}) {
        EXPECT_EQ(files_->stat(at(text), may_block::yes).error().code, errc::not_found) << text;
        EXPECT_EQ(files_->open_read(at(text), may_block::yes).error().code, errc::not_found) << text;
    }
    for (const auto* text : {"/relative/canary", "/absolute/canary", "/chain/canary", "/in-and-out/canary", "/sub/up/canary",
                             "/relative/new", "/sub/up/new", "/magic/etc/passwd", "/magic-cwd/x"}) {
        EXPECT_EQ(files_->open_store(at(text), store_mode::replace, 0, may_block::yes).error().code, errc::not_found)
            << text;
        try_everything(at(text));
    }
    // The links themselves: uploads refuse them, renaming and deleting act on the link.
    EXPECT_EQ(files_->open_store(at("/file"), store_mode::replace, 0, may_block::yes).error().code, errc::permission);
    ASSERT_TRUE(files_->rename(at("/file"), at("/renamed")));
    EXPECT_TRUE(fs::is_symlink(root() / "renamed"));
    ASSERT_TRUE(files_->remove_file(at("/renamed")));
    ASSERT_TRUE(files_->remove_file(at("/absolute")));
    for (const auto* text : {"/relative", "/absolute-file", "/chain", "/magic", "/loop"}) try_everything(at(text));
}

// FS-02: not even the name of a target outside.
TEST_F(confined, a_listing_shows_the_target_of_an_inner_link_and_only_the_link_of_an_outer_one) {
    write_disk(root() / "real", "1234");
    fs::create_directory(root() / "sub");
    fs::create_symlink("../real", root() / "sub/inner");
    fs::create_symlink("../../outside/canary", root() / "sub/outer");
    fs::create_symlink(canary_, root() / "sub/absolute");
    fs::create_symlink("outer", root() / "sub/outer-in-turn");
    fs::create_symlink("../../outside/none", root() / "sub/outer-to-nothing");
    fs::create_symlink("none/../../../outside/secret", root() / "sub/outer-by-way-of-nothing");
    fs::create_symlink("../none", root() / "sub/inner-to-nothing");
    const std::map<std::string, std::string> targets{{"inner", "../real"}, {"inner-to-nothing", "../none"}};
    const auto listing = files_->open_directory(at("/sub"));
    ASSERT_TRUE(listing);
    std::vector<entry> entries;
    ASSERT_TRUE((*listing)->read(entries));
    ASSERT_EQ(entries.size(), 7U);
    for (const auto& e : entries) {
        EXPECT_EQ(e.facts.type, e.name == "inner" ? file_type::file : file_type::link);
        EXPECT_EQ(e.facts.size == 4, e.name == "inner");
        EXPECT_EQ(e.link_target, targets.contains(e.name) ? targets.at(e.name) : "") << e.name;
    }
    EXPECT_EQ(get_file(*files_, "/sub/inner"), "1234");
}

// FS-02
// CVE-2012-6095 CVE-2017-7418.
TEST_F(confined, a_directory_swapped_with_a_link_meanwhile_does_not_escape) {
    const auto inside = root() / "dir";
    const auto link = root() / "link";
    fs::create_directory(inside);
    fs::create_symlink(base_ / "outside", link);
    write_disk(inside / "canary", "harmless");
    std::atomic<bool> done = false;
    std::atomic<int> swaps = 0;
    std::thread attacker([&] {
        while (!done) {
            // The directory and the link are exchanged atomically.
            ::renameat2(AT_FDCWD, inside.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
            ++swaps;
        }
    });
    int reached = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (int i = 0; (swaps < 5000 || i < 1000 || reached == 0) && std::chrono::steady_clock::now() < end; ++i) {
        if (const auto file = files_->open_read(at("/dir/canary"), may_block::yes)) {
            std::array<char, 64> buffer{};
            const auto got = (*file)->read_at(0, buffer, may_block::yes);
            ASSERT_NE(std::string_view(buffer.data(), got.value_or(0)), secret);
            ++reached;
        }
        if (auto upload = files_->open_store(at("/dir/canary"), store_mode::replace, 0, may_block::yes)) {
            static_cast<void>((*upload)->write(std::string_view("harmless")));
            static_cast<void>((*upload)->commit());
        }
        static_cast<void>(files_->make_directory(at("/dir/made")));
        static_cast<void>(files_->rename(at("/dir/made"), at("/dir/moved")));
        static_cast<void>(files_->remove_directory(at("/dir/moved")));
        static_cast<void>(files_->remove_directory(at("/dir/made")));
        static_cast<void>(files_->set_modified(at("/dir/canary"), 5));
        static_cast<void>(files_->remove_file(at("/dir/canary")));
    }
    done = true;
    attacker.join();
    EXPECT_GT(reached, 0) << "the race was never won, so this proved nothing";
}

}  // namespace
}  // namespace sallyport::vfs
