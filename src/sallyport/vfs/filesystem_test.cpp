// Tests of the file system interface, run with each implementation.

#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <support/memory_filesystem.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::vfs {
namespace {

struct kind {
    const char* name;
    std::function<std::shared_ptr<filesystem>(const test_directory&)> make;
};

class any_filesystem : public testing::TestWithParam<kind> {
protected:
    test_directory root_;
    std::shared_ptr<filesystem> files_ = GetParam().make(root_);

    std::set<std::string> names(const std::string& path) {
        const auto opened = files_->open_directory(at(path));
        if (!opened) return {"(" + opened.error().text() + ")"};
        std::set<std::string> out;
        for (const auto& e : rest_of(**opened)) out.insert(e.name);
        return out;
    }

    /// Makes this many files with numbers as names; on a disk as hard links to one file, which is much faster.
    void fill(int count) {
        put_file(*files_, "/0", "");
        const bool on_disk = std::filesystem::exists(root_ / "0");
        for (int i = 1; i < count; ++i) {
            if (on_disk)
                std::filesystem::create_hard_link(root_ / "0", root_ / std::to_string(i));
            else
                put_file(*files_, "/" + std::to_string(i), "");
        }
    }

    static std::vector<entry> rest_of(directory& opened) {
        std::vector<entry> out;
        for (std::size_t before = 1; before != out.size();) {
            before = out.size();
            EXPECT_TRUE(opened.read(out));
            EXPECT_LE(out.size() - before, directory::batch);
        }
        return out;
    }

    errc store_error(const std::string& path, store_mode mode, std::uint64_t offset = 0) {
        const auto opened = files_->open_store(at(path), mode, offset, may_block::yes);
        return opened ? errc::misuse : opened.error().code;
    }

    result<void> store(const std::string& path, store_mode mode, std::string_view bytes, std::uint64_t offset = 0) {
        auto opened = files_->open_store(at(path), mode, offset, may_block::yes);
        if (!opened) return std::unexpected(opened.error());
        if (auto wrote = (*opened)->write(bytes); !wrote) return wrote;
        return (*opened)->commit();
    }
};

using names_set = std::set<std::string>;

TEST_P(any_filesystem, starts_empty_with_a_root_directory) {
    const auto facts = files_->stat(virtual_path(), may_block::yes);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->type, file_type::directory);
    EXPECT_EQ(names("/"), names_set{});
}

TEST_P(any_filesystem, reads_what_was_stored) {
    put_file(*files_, "/a b\xc3\xa4", "hello");
    EXPECT_EQ(get_file(*files_, "/a b\xc3\xa4"), "hello");
    const auto facts = files_->stat(at("/a b\xc3\xa4"), may_block::yes);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->type, file_type::file);
    EXPECT_EQ(facts->size, 5U);
    EXPECT_EQ(names("/"), names_set{"a b\xc3\xa4"});
}

TEST_P(any_filesystem, reads_from_an_offset_and_stops_at_the_end) {
    put_file(*files_, "/f", "0123456789");
    const auto file = files_->open_read(at("/f"), may_block::yes);
    ASSERT_TRUE(file);
    std::array<char, 8> buffer{};
    EXPECT_EQ((*file)->read_at(6, buffer, may_block::yes), 4U);
    EXPECT_EQ(std::string_view(buffer.data(), 4), "6789");
    EXPECT_EQ((*file)->read_at(10, buffer, may_block::yes), 0U);
    EXPECT_EQ((*file)->read_at(1000, buffer, may_block::yes), 0U);
    EXPECT_TRUE((*file)->load(0, 10));
    EXPECT_TRUE((*file)->load(4, 1000));
    EXPECT_TRUE((*file)->resident(0, 10));
    EXPECT_TRUE((*file)->resident(0, 0));
    EXPECT_EQ((*file)->read_at(6, buffer, may_block::no), 4U);
}

TEST_P(any_filesystem, reports_the_cause_of_an_error) {
    put_file(*files_, "/file", "x");
    ASSERT_TRUE(files_->make_directory(at("/dir")));
    EXPECT_EQ(files_->stat(at("/none"), may_block::yes).error().code, errc::not_found);
    EXPECT_EQ(files_->open_read(at("/none"), may_block::yes).error().code, errc::not_found);
    EXPECT_EQ(files_->open_read(at("/dir"), may_block::yes).error().code, errc::is_a_directory);
    EXPECT_EQ(files_->open_read(at("/file/x"), may_block::yes).error().code, errc::not_a_directory);
    EXPECT_EQ(files_->open_directory(at("/file")).error().code, errc::not_a_directory);
    EXPECT_EQ(store_error("/none/x", store_mode::replace), errc::not_found);
    EXPECT_EQ(store_error("/file/x", store_mode::replace), errc::not_a_directory);
    EXPECT_EQ(store_error("/dir", store_mode::replace), errc::is_a_directory);
    EXPECT_EQ(store_error("/", store_mode::replace), errc::is_a_directory);
    EXPECT_EQ(files_->make_directory(at("/file")).error().code, errc::exists);
    EXPECT_EQ(files_->make_directory(at("/none/x")).error().code, errc::not_found);
    EXPECT_EQ(files_->remove_directory(at("/file")).error().code, errc::not_a_directory);
    EXPECT_EQ(files_->remove_file(at("/dir")).error().code, errc::is_a_directory);
    EXPECT_EQ(files_->remove_file(at("/none")).error().code, errc::not_found);
    EXPECT_EQ(files_->remove_directory(at("/none")).error().code, errc::not_found);
    EXPECT_EQ(files_->rename(at("/none"), at("/other")).error().code, errc::not_found);
    EXPECT_EQ(files_->set_modified(at("/none"), 1).error().code, errc::not_found);
    EXPECT_EQ(files_->set_mode(at("/none"), 0600).error().code, errc::not_found);
    EXPECT_EQ(files_->free_bytes(at("/none")).error().code, errc::not_found);
    EXPECT_EQ(files_->free_bytes(at("/file")).error().code, errc::not_a_directory);
    EXPECT_NE(files_->stat(at("/none"), may_block::yes).error().text().find("/none"), std::string::npos);
}

TEST_P(any_filesystem, the_root_stays_as_it_is) {
    ASSERT_TRUE(files_->make_directory(at("/dir")));
    EXPECT_EQ(files_->make_directory(virtual_path()).error().code, errc::exists);
    EXPECT_EQ(files_->remove_directory(virtual_path()).error().code, errc::permission);
    EXPECT_EQ(files_->remove_file(virtual_path()).error().code, errc::permission);
    EXPECT_EQ(files_->rename(virtual_path(), at("/x")).error().code, errc::permission);
    EXPECT_EQ(files_->rename(at("/dir"), virtual_path()).error().code, errc::permission);
    EXPECT_EQ(files_->set_modified(virtual_path(), 1).error().code, errc::permission);
    EXPECT_EQ(files_->set_mode(virtual_path(), 0700).error().code, errc::permission);
}

// DU-02
TEST_P(any_filesystem, an_upload_is_invisible_until_it_is_committed) {
    put_file(*files_, "/old", "before");
    auto fresh = files_->open_store(at("/fresh"), store_mode::replace, 0, may_block::yes);
    auto old = files_->open_store(at("/old"), store_mode::replace, 0, may_block::yes);
    ASSERT_TRUE(fresh && old);
    ASSERT_TRUE((*fresh)->write(std::string_view("new")));
    ASSERT_TRUE((*old)->write(std::string_view("after!")));
    EXPECT_EQ((*old)->size(), 6U);
    EXPECT_EQ(names("/"), names_set{"old"});
    EXPECT_EQ(get_file(*files_, "/old"), "before");
    ASSERT_TRUE((*fresh)->commit());
    ASSERT_TRUE((*old)->commit());
    EXPECT_EQ(get_file(*files_, "/fresh"), "new");
    EXPECT_EQ(get_file(*files_, "/old"), "after!");
    EXPECT_EQ(names("/"), (names_set{"fresh", "old"}));
    EXPECT_EQ((*old)->commit().error().code, errc::misuse);
}

TEST_P(any_filesystem, a_cancelled_upload_leaves_nothing) {
    put_file(*files_, "/old", "before");
    for (const auto* path : {"/old", "/fresh"}) {
        auto upload = files_->open_store(at(path), store_mode::replace, 0, may_block::yes);
        ASSERT_TRUE(upload);
        ASSERT_TRUE((*upload)->write(std::string_view("part")));
    }
    EXPECT_EQ(names("/"), names_set{"old"});
    EXPECT_EQ(get_file(*files_, "/old"), "before");
}

TEST_P(any_filesystem, create_only_never_overwrites) {
    ASSERT_TRUE(store("/a", store_mode::create_only, "1"));
    EXPECT_EQ(store_error("/a", store_mode::create_only), errc::exists);
    auto late = files_->open_store(at("/b"), store_mode::create_only, 0, may_block::yes);
    ASSERT_TRUE(late);
    put_file(*files_, "/b", "first");
    EXPECT_EQ((*late)->commit().error().code, errc::exists);
    EXPECT_EQ(get_file(*files_, "/b"), "first");
}

// DU-06
TEST_P(any_filesystem, resume_keeps_what_is_before_the_offset) {
    put_file(*files_, "/f", "0123456789");
    ASSERT_TRUE(store("/f", store_mode::resume, "abc", 4));
    EXPECT_EQ(get_file(*files_, "/f"), "0123abc");
    ASSERT_TRUE(store("/f", store_mode::resume, "XY", 7));
    EXPECT_EQ(get_file(*files_, "/f"), "0123abcXY");
    EXPECT_EQ(store_error("/f", store_mode::resume, 10), errc::out_of_range);
    EXPECT_EQ(store_error("/none", store_mode::resume, 1), errc::out_of_range);
    EXPECT_EQ(get_file(*files_, "/f"), "0123abcXY");
    ASSERT_TRUE(store("/new", store_mode::resume, "abc", 0));
    EXPECT_EQ(get_file(*files_, "/new"), "abc");
}

// DU-06
TEST_P(any_filesystem, append_continues_at_the_end) {
    ASSERT_TRUE(store("/log", store_mode::append, "one\n"));
    ASSERT_TRUE(store("/log", store_mode::append, "two\n"));
    EXPECT_EQ(get_file(*files_, "/log"), "one\ntwo\n");
    const auto upload = files_->open_store(at("/log"), store_mode::append, 0, may_block::yes);
    ASSERT_TRUE(upload);
    EXPECT_EQ((*upload)->size(), 8U);
}

// FS-10
TEST_P(any_filesystem, a_continued_file_that_was_replaced_meanwhile_is_left_alone) {
    put_file(*files_, "/f", "old");
    auto append = files_->open_store(at("/f"), store_mode::append, 0, may_block::yes);
    auto fresh = files_->open_store(at("/fresh"), store_mode::append, 0, may_block::yes);
    ASSERT_TRUE(append && fresh);
    put_file(*files_, "/f", "newer");
    put_file(*files_, "/fresh", "another upload");
    EXPECT_EQ((*append)->commit().error().code, errc::busy);
    EXPECT_EQ((*fresh)->commit().error().code, errc::exists);
    EXPECT_EQ(get_file(*files_, "/f"), "newer");
    EXPECT_EQ(get_file(*files_, "/fresh"), "another upload");
}

// FS-10
TEST_P(any_filesystem, a_reader_keeps_the_file_it_opened) {
    put_file(*files_, "/f", "old content");
    const auto reader = files_->open_read(at("/f"), may_block::yes);
    ASSERT_TRUE(reader);
    put_file(*files_, "/f", "new");
    std::array<char, 32> buffer{};
    ASSERT_EQ((*reader)->read_at(0, buffer, may_block::yes), 11U);
    EXPECT_EQ(std::string_view(buffer.data(), 11), "old content");
    ASSERT_TRUE(files_->remove_file(at("/f")));
    EXPECT_EQ((*reader)->read_at(4, buffer, may_block::yes), 7U);
}

// FS-10
TEST_P(any_filesystem, of_many_writers_exactly_one_wins) {
    constexpr int writers = 16;
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w) {
        threads.emplace_back([this, w] {
            const std::string part(1000, static_cast<char>('a' + w));
            auto upload = files_->open_store(at("/contested"), store_mode::replace, 0, may_block::yes);
            ASSERT_TRUE(upload);
            for (int i = 0; i < 20; ++i) ASSERT_TRUE((*upload)->write(part));
            ASSERT_TRUE((*upload)->commit());
        });
    }
    for (auto& t : threads) t.join();
    const auto content = get_file(*files_, "/contested");
    ASSERT_EQ(content.size(), 20000U);
    EXPECT_TRUE(std::ranges::all_of(content, [&](char c) { return c == content[0]; }));
    EXPECT_EQ(names("/"), names_set{"contested"});
}

TEST_P(any_filesystem, takes_an_upload_out_of_a_pipe) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const unique_fd out(ends[0]);
    const unique_fd in(ends[1]);
    auto upload = files_->open_store(at("/f"), store_mode::replace, 0, may_block::yes);
    ASSERT_TRUE(upload);
    ASSERT_TRUE((*upload)->write(std::string_view("first")));
    ASSERT_EQ(::write(in.get(), "0123456789", 10), 10);
    ASSERT_TRUE((*upload)->write_from(out.get(), 4));
    ASSERT_TRUE((*upload)->write_from(out.get(), 6));
    EXPECT_EQ((*upload)->size(), 15U);
    ASSERT_TRUE((*upload)->write(std::string_view("last")));
    ASSERT_TRUE((*upload)->commit());
    EXPECT_EQ(get_file(*files_, "/f"), "first0123456789last");
}

TEST_P(any_filesystem, directories_are_created_and_removed) {
    ASSERT_TRUE(files_->make_directory(at("/d")));
    ASSERT_TRUE(files_->make_directory(at("/d/e")));
    put_file(*files_, "/d/e/f", "x");
    EXPECT_EQ(names("/d"), names_set{"e"});
    EXPECT_EQ(names("/d/e"), names_set{"f"});
    EXPECT_EQ(files_->remove_directory(at("/d")).error().code, errc::not_empty);
    ASSERT_TRUE(files_->remove_file(at("/d/e/f")));
    ASSERT_TRUE(files_->remove_directory(at("/d/e")));
    ASSERT_TRUE(files_->remove_directory(at("/d")));
    EXPECT_EQ(names("/"), names_set{});
}

TEST_P(any_filesystem, rename_moves_and_replaces) {
    put_file(*files_, "/a", "A");
    put_file(*files_, "/b", "B");
    ASSERT_TRUE(files_->make_directory(at("/d")));
    ASSERT_TRUE(files_->rename(at("/a"), at("/b")));
    EXPECT_EQ(get_file(*files_, "/b"), "A");
    ASSERT_TRUE(files_->rename(at("/b"), at("/d/c")));
    EXPECT_EQ(get_file(*files_, "/d/c"), "A");
    ASSERT_TRUE(files_->rename(at("/d"), at("/e")));
    EXPECT_EQ(names("/"), names_set{"e"});
    EXPECT_EQ(files_->rename(at("/e"), at("/e/inside")).error().code, errc::name_invalid);
    put_file(*files_, "/f", "F");
    EXPECT_EQ(files_->rename(at("/f"), at("/e")).error().code, errc::is_a_directory);
    EXPECT_EQ(files_->rename(at("/e"), at("/f")).error().code, errc::not_a_directory);
    ASSERT_TRUE(files_->rename(at("/f"), at("/f")));
    EXPECT_EQ(get_file(*files_, "/f"), "F");
}

TEST_P(any_filesystem, rename_can_keep_an_existing_file) {
    put_file(*files_, "/a", "A");
    put_file(*files_, "/b", "B");
    EXPECT_EQ(files_->rename(at("/a"), at("/b"), existing_target::keep).error().code, errc::exists);
    EXPECT_EQ(get_file(*files_, "/b"), "B");
    ASSERT_TRUE(files_->rename(at("/a"), at("/c"), existing_target::keep));
    EXPECT_EQ(get_file(*files_, "/c"), "A");
}

TEST_P(any_filesystem, the_time_of_change_can_be_set) {
    put_file(*files_, "/f", "x");
    ASSERT_TRUE(files_->set_modified(at("/f"), 1234567890));
    EXPECT_EQ(files_->stat(at("/f"), may_block::yes)->modified, 1234567890);
    // Before 1970.
    ASSERT_TRUE(files_->set_modified(at("/f"), -5));
    EXPECT_EQ(files_->stat(at("/f"), may_block::yes)->modified, -5);
}

// FS-04
TEST_P(any_filesystem, the_mode_can_be_set_without_set_id_bits) {
    put_file(*files_, "/f", "x");
    ASSERT_TRUE(files_->make_directory(at("/d")));
    for (const std::uint32_t mode : {0600U, 0U, 0644U}) {
        ASSERT_TRUE(files_->set_mode(at("/f"), mode));
        EXPECT_EQ(files_->stat(at("/f"), may_block::yes)->mode, mode);
    }
    ASSERT_TRUE(files_->set_mode(at("/f"), 06755));
    EXPECT_EQ(files_->stat(at("/f"), may_block::yes)->mode, 0755U);
    ASSERT_TRUE(files_->set_mode(at("/d"), 0711));
    EXPECT_EQ(files_->stat(at("/d"), may_block::yes)->mode, 0711U);
}

TEST_P(any_filesystem, free_bytes_are_known) {
    ASSERT_TRUE(files_->make_directory(at("/d")));
    EXPECT_GT(files_->free_bytes(at("/d")).value(), 0U);
    EXPECT_GT(files_->free_bytes(virtual_path()).value(), 0U);
}

TEST_P(any_filesystem, names_of_unfinished_uploads_cannot_be_used) {
    const std::string name = "/.sallyport-0123456789abcdef.part";
    put_file(*files_, "/f", "x");
    EXPECT_EQ(store_error(name, store_mode::replace), errc::name_invalid);
    EXPECT_EQ(files_->make_directory(at(name)).error().code, errc::name_invalid);
    EXPECT_EQ(files_->rename(at("/f"), at(name)).error().code, errc::name_invalid);
    EXPECT_EQ(files_->rename(at(name), at("/g")).error().code, errc::name_invalid);
    EXPECT_EQ(files_->remove_file(at(name)).error().code, errc::name_invalid);
    EXPECT_EQ(files_->stat(at(name), may_block::yes).error().code, errc::not_found);
    EXPECT_EQ(files_->open_read(at(name), may_block::yes).error().code, errc::not_found);
}

TEST_P(any_filesystem, a_directory_may_change_while_it_is_read) {
    // More than a batch.
    constexpr int count = 3000;
    fill(count);
    const auto listing = files_->open_directory(virtual_path());
    ASSERT_TRUE(listing);
    std::vector<entry> entries;
    ASSERT_TRUE((*listing)->read(entries));
    ASSERT_LT(entries.size(), std::size_t{count});
    for (int i = 0; i < count; i += 2) ASSERT_TRUE(files_->remove_file(at("/" + std::to_string(i))));
    for (const auto& e : rest_of(**listing)) entries.push_back(e);
    names_set unique;
    for (const auto& e : entries) unique.insert(e.name);
    EXPECT_EQ(unique.size(), entries.size());
    for (int i = 1; i < count; i += 2) EXPECT_TRUE(unique.contains(std::to_string(i))) << i;
}

TEST_P(any_filesystem, threads_that_read_one_directory_share_its_entries) {
    constexpr int count = 5000;
    fill(count);
    const auto listing = files_->open_directory(virtual_path());
    ASSERT_TRUE(listing);
    std::array<std::vector<entry>, 4> shares;
    {
        std::vector<std::jthread> readers;
        for (auto& share : shares) readers.emplace_back([&] { share = rest_of(**listing); });
    }
    names_set unique;
    std::size_t total = 0;
    for (const auto& share : shares) {
        for (const auto& e : share) unique.insert(e.name);
        total += share.size();
    }
    EXPECT_EQ(total, std::size_t{count});
    EXPECT_EQ(unique.size(), std::size_t{count});
}

INSTANTIATE_TEST_SUITE_P(
    each, any_filesystem,
    testing::Values(kind{"posix",
                         [](const test_directory& root) {
                             return *open_posix_filesystem(root.path().string(), {.sync = sync_policy::none});
                         }},
                    kind{"posix_synced",
                         [](const test_directory& root) { return *open_posix_filesystem(root.path().string(), {}); }},
                    kind{"memory", [](const test_directory&) { return make_memory_filesystem(); }}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace sallyport::vfs
