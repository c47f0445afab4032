#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/posix_store.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <sallyport/vfs/test_disk.hpp>
#include <support/memory_filesystem.hpp>

#include <array>
#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <gtest/gtest.h>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

/// Run with O_TMPFILE, and as on a file system without it.
class posix_upload : public testing::TestWithParam<bool> {
protected:
    result<std::unique_ptr<store_file>> open(const char* name, store_mode mode = store_mode::replace,
                                             std::uint64_t offset = 0) {
        auto target = (*directory_)->locate(at(name), root_directory::use::sync);
        if (!target) return std::unexpected(target.error());
        return open_posix_store(
            {std::move(*target), name, mode, offset, may_block::yes, {.sync = sync_policy::full}, GetParam()});
    }

    result<void> store(const char* name, std::string_view content, store_mode mode = store_mode::replace,
                       std::uint64_t offset = 0) {
        auto upload = open(name, mode, offset);
        if (!upload) return std::unexpected(upload.error());
        if (auto wrote = (*upload)->write(content); !wrote) return wrote;
        return (*upload)->commit();
    }

    std::size_t entries_on_disk() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(root_.path()), fs::directory_iterator()));
    }

    test_directory root_;
    result<std::shared_ptr<const root_directory>> directory_ = root_directory::open(root_.path().string());
};

TEST_P(posix_upload, leaves_one_file_and_nothing_else_in_every_mode) {
    ASSERT_TRUE(store("/f", "first"));
    ASSERT_TRUE(store("/f", "0123456789"));
    ASSERT_TRUE(store("/f", "ab", store_mode::append));
    ASSERT_TRUE(store("/f", "XYZ", store_mode::resume, 3));
    EXPECT_EQ(read_disk(root_ / "f"), "012XYZ");
    ASSERT_TRUE(store("/g", "new", store_mode::create_only));
    EXPECT_EQ(store("/g", "new", store_mode::create_only).error().code, errc::exists);
    EXPECT_EQ(entries_on_disk(), 2U);
}

// RX-05: copying a large file must not keep other work from the disk.
TEST_P(posix_upload, copies_the_old_content_in_steps) {
    std::string content(9 << 20, 'a');
    for (std::size_t i = 0; i < content.size(); i += 4093) content[i] = static_cast<char>('b' + i % 20);
    ASSERT_TRUE(store("/f", content));
    const std::uint64_t offset = content.size() - 3;
    auto upload = open("/f", store_mode::resume, offset);
    ASSERT_TRUE(upload);
    int steps = 0;
    for (bool done = false; !done; ++steps) done = (*upload)->prepare({}).value();
    // A file system that can clone files has nothing to copy.
    EXPECT_TRUE(steps == 1 || steps == 3) << steps;
    ASSERT_TRUE((*upload)->write(std::string_view("XYZ!")));
    ASSERT_TRUE((*upload)->commit());
    EXPECT_EQ(read_disk(root_ / "f"), content.substr(0, offset) + "XYZ!");
}

TEST_P(posix_upload, discards_a_file_that_is_not_yet_copied) {
    const std::string content(9 << 20, 'a');
    ASSERT_TRUE(store("/f", content));
    auto upload = open("/f", store_mode::resume, content.size() - 3);
    ASSERT_TRUE(upload);
    (void)(*upload)->prepare({});
    upload = fail(errc::cancelled);
    EXPECT_EQ(read_disk(root_ / "f"), content);
    EXPECT_EQ(entries_on_disk(), 1U);
}

TEST_P(posix_upload, goes_into_a_drop_box_that_cannot_be_read) {
    fs::create_directory(root_ / "box");
    fs::permissions(root_.path(), fs::perms(0711));
    fs::permissions(root_ / "box", fs::perms(0333));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        // Root can read everything; without root this fails and does not matter.
        static_cast<void>(!::seteuid(65534));
        ::_exit(store("/box/f", "content") ? 0 : 1);
    }
    int ended = 0;
    ASSERT_EQ(::waitpid(child, &ended, 0), child);
    EXPECT_EQ(ended, 0);
    fs::permissions(root_ / "box", fs::perms(0700));
    EXPECT_EQ(read_disk(root_ / "box/f"), "content");
}

TEST_P(posix_upload, loses_the_race_for_a_new_name_without_a_trace) {
    auto upload = open("/f", store_mode::create_only);
    ASSERT_TRUE(upload);
    write_disk(root_ / "f", "faster");
    EXPECT_EQ((*upload)->commit().error().code, errc::exists);
    upload->reset();
    EXPECT_EQ(read_disk(root_ / "f"), "faster");
    EXPECT_EQ(entries_on_disk(), 1U);
}

TEST_P(posix_upload, stops_at_a_directory_that_took_its_name) {
    auto upload = open("/f");
    ASSERT_TRUE(upload);
    fs::create_directory(root_ / "f");
    EXPECT_EQ((*upload)->commit().error().code, errc::is_a_directory);
    upload->reset();
    EXPECT_EQ(entries_on_disk(), 1U);
}

// FS-02
TEST_P(posix_upload, replaces_a_link_that_was_slipped_in_and_not_its_target) {
    const test_directory outside;
    write_disk(outside / "canary", "secret");
    auto upload = open("/f");
    ASSERT_TRUE(upload);
    ASSERT_TRUE((*upload)->write(std::string_view("mine")));
    fs::create_symlink(outside / "canary", root_ / "f");
    ASSERT_TRUE((*upload)->commit());
    EXPECT_EQ(read_disk(outside / "canary"), "secret");
    EXPECT_FALSE(fs::is_symlink(root_ / "f"));
    EXPECT_EQ(read_disk(root_ / "f"), "mine");
}

// FS-04
TEST_P(posix_upload, keeps_the_mode_of_the_replaced_file_without_its_set_id_bits) {
    write_disk(root_ / "f", "old");
    ASSERT_EQ(::chmod((root_ / "f").c_str(), 06754), 0);
    ASSERT_TRUE(store("/f", "new"));
    struct ::stat facts{};
    ASSERT_EQ(::stat((root_ / "f").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0754U);
}

TEST_P(posix_upload, does_not_replace_a_file_that_may_not_be_written) {
    write_disk(root_ / "f", "kept");
    ASSERT_EQ(::chmod((root_ / "f").c_str(), 0444), 0);
    ASSERT_EQ(::chmod(root_.path().c_str(), 0777), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        // Not as root, which may write everything.
        if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(1);
        const auto refused = open("/f");
        ::_exit(!refused && refused.error().code == errc::permission && open("/g") ? 0 : 2);
    }
    int ended = 0;
    ASSERT_EQ(::waitpid(child, &ended, 0), child);
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(read_disk(root_ / "f"), "kept");
}

// FS-10
TEST_P(posix_upload, a_second_upload_that_continues_the_file_gets_busy) {
    write_disk(root_ / "f", "content");
    {
        auto first = open("/f", store_mode::append);
        ASSERT_TRUE(first);
        EXPECT_EQ(open("/f", store_mode::append).error().code, errc::busy);
        EXPECT_EQ(open("/f", store_mode::resume, 1).error().code, errc::busy);
    }
    EXPECT_TRUE(open("/f", store_mode::append));
}

TEST_P(posix_upload, in_use_is_never_taken_for_a_leftover) {
    auto upload = open("/f");
    ASSERT_TRUE(upload);
    const unique_fd fd(::open(root_.path().c_str(), O_RDONLY | O_DIRECTORY));
    // Without a name there is no entry in the directory; with one, the file is locked.
    EXPECT_EQ(remove_leftovers(fd.get()), GetParam());
    ASSERT_TRUE((*upload)->write(std::string_view("whole")));
    ASSERT_TRUE((*upload)->commit());
    EXPECT_EQ(read_disk(root_ / "f"), "whole");
}

// DU-02, DU-06
TEST_P(posix_upload, killed_half_way_leaves_the_old_file_and_nothing_to_see) {
    const std::string small(100000, 'o');
    const std::string large(2 << 20, 'o');
    using kind = std::pair<const std::string*, store_mode>;
    for (const auto& [content, mode] : {kind(&small, store_mode::replace), kind(&small, store_mode::append),
                                        kind(&small, store_mode::resume), kind(&large, store_mode::append)}) {
        const std::string& old = *content;
        write_disk(root_ / "f", old);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto upload = open("/f", mode, 50);
            if (upload && (*upload)->write(std::string(300000, 'n'))) ::raise(SIGKILL);
            ::_exit(1);
        }
        int ended = 0;
        ASSERT_EQ(::waitpid(child, &ended, 0), child);
        ASSERT_TRUE(WIFSIGNALED(ended)) << "the child could not upload";
        EXPECT_EQ(read_disk(root_ / "f"), old);
    }
    const auto files = *open_posix_filesystem(root_.path().string(), {});
    std::vector<entry> entries;
    ASSERT_TRUE((*files->open_directory(virtual_path()))->read(entries));
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].name, "f");
    if (GetParam()) {
        EXPECT_EQ(entries_on_disk(), 1U);
    }
}

/// Continues a large file without copying it: a disk of 8 MiB cannot hold two files of 6 MiB.
TEST_P(posix_upload, appends_to_a_large_file_without_copying_it) {
    const auto failed = run_on_tmpfs(root_.path(), "8m", [this] {
        int wrong = 0;
        directory_ = root_directory::open(root_.path().string());
        std::string content(6 << 20, 'o');
        write_disk(root_ / "f", content);
        for (const auto mode : {store_mode::append, store_mode::resume, store_mode::append}) {
            const auto appended = store("/f", "1", mode, content.size());
            if (!appended) std::fprintf(stderr, "%s\n", appended.error().text().c_str());
            wrong += appended ? 0 : 1;
            content += '1';
            wrong += read_disk(root_ / "f") == content ? 0 : 1;
        }
        wrong += entries_on_disk() == 1 ? 0 : 1;
        return wrong;
    });
    if (!failed) GTEST_SKIP() << "needs the right to mount";
    EXPECT_EQ(failed, 0);
}

// DU-04
TEST_P(posix_upload, truncates_a_large_file_to_its_old_size_if_the_disk_is_full) {
    const auto failed = run_on_tmpfs(root_.path(), "8m", [this] {
        int wrong = 0;
        directory_ = root_directory::open(root_.path().string());
        const std::string old(4 << 20, 'o');
        write_disk(root_ / "f", old);
        {
            auto upload = open("/f", store_mode::append);
            // Fits into the unnamed file, but not also at the end of the old file.
            wrong += upload && (*upload)->write(std::string(3 << 20, 'n')) ? 0 : 1;
            wrong += read_disk(root_ / "f") == old ? 0 : 1;
            const auto done = (*upload)->commit();
            wrong += !done && done.error().code == errc::no_space ? 0 : 1;
            wrong += read_disk(root_ / "f") == old ? 0 : 1;
            wrong += (*upload)->commit() ? 1 : 0;
        }
        wrong += store("/f", std::string(1 << 20, 'n'), store_mode::append) ? 0 : 1;
        return wrong;
    });
    if (!failed) GTEST_SKIP() << "needs the right to mount";
    EXPECT_EQ(failed, 0);
}

// DU-06, FS-10
TEST_P(posix_upload, of_a_large_file_shows_nothing_of_an_append_before_its_commit) {
    const std::string old(2 << 20, 'o');
    write_disk(root_ / "f", old);
    {
        auto upload = open("/f", store_mode::append);
        ASSERT_TRUE(upload);
        EXPECT_EQ((*upload)->size(), old.size());
        ASSERT_TRUE((*upload)->write(std::string(300'000, 'n')));
        EXPECT_EQ((*upload)->size(), old.size() + 300'000);
        EXPECT_EQ(read_disk(root_ / "f"), old);
        EXPECT_EQ(open("/f", store_mode::append).error().code, errc::busy);
    }
    EXPECT_EQ(read_disk(root_ / "f"), old) << "cancelled";
    auto upload = open("/f", store_mode::append);
    ASSERT_TRUE(upload);
    ASSERT_TRUE((*upload)->write(std::string_view("more")));
    ASSERT_TRUE((*upload)->commit());
    EXPECT_EQ(read_disk(root_ / "f"), old + "more");
    EXPECT_TRUE(open("/f", store_mode::append)) << "does not wait for the end of the upload before";
}

TEST_P(posix_upload, appends_nothing_to_a_large_file_that_has_changed) {
    write_disk(root_ / "f", std::string(2 << 20, 'o'));
    auto upload = open("/f", store_mode::append);
    ASSERT_TRUE((*upload)->write(std::string_view("more")));
    std::ofstream(root_ / "f", std::ios::app) << "another's";
    EXPECT_EQ((*upload)->commit().error().code, errc::busy);
    EXPECT_TRUE(read_disk(root_ / "f").ends_with("another's"));
    fs::rename(root_ / "f", root_ / "g");
    EXPECT_EQ(fs::file_size(root_ / "g"), (2U << 20) + 9);
}

// FS-02, FS-04
TEST_P(posix_upload, never_grows_a_file_in_place_that_has_another_name_or_a_set_id_bit) {
    const test_directory outside;
    const std::string old(2 << 20, 'o');
    write_disk(outside / "canary", old);
    fs::create_hard_link(outside / "canary", root_ / "f");
    ASSERT_TRUE(store("/f", "more", store_mode::append));
    EXPECT_EQ(read_disk(root_ / "f"), old + "more");
    EXPECT_EQ(read_disk(outside / "canary"), old);
    write_disk(root_ / "s", old);
    ASSERT_EQ(::chmod((root_ / "s").c_str(), 06755), 0);
    ASSERT_TRUE(store("/s", "more", store_mode::append));
    struct ::stat facts{};
    ASSERT_EQ(::stat((root_ / "s").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0755U);
    EXPECT_EQ(read_disk(root_ / "s"), old + "more");
}

// FS-10: a published file can be continued at once, also while the upload's object exists.
TEST_P(posix_upload, holds_no_lock_on_what_it_has_published) {
    write_disk(root_ / "f", "old");
    for (const auto mode : {store_mode::replace, store_mode::append}) {
        auto upload = open("/f", mode);
        ASSERT_TRUE(upload);
        ASSERT_TRUE((*upload)->write(std::string_view("new")));
        ASSERT_TRUE((*upload)->commit());
        EXPECT_TRUE(open("/f", store_mode::append));
    }
}

/// Writes the next bytes of an upload from a pipe, as from the network.
result<void> write_through_a_pipe(store_file& upload, std::string_view bytes) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_os(errno, "pipe");
    const unique_fd out(ends[0]);
    const unique_fd in(ends[1]);
    if (::write(in.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return fail_os(errno, "pipe");
    return upload.write_from(out.get(), bytes.size());
}

// DU-04
TEST_P(posix_upload, a_full_disk_is_no_space_and_keeps_the_old_file) {
    const auto failed = run_on_tmpfs(root_.path(), "1m", [this] {
        int wrong = 0;
        directory_ = root_directory::open(root_.path().string());
        write_disk(root_ / "old", "old content");
        const std::string block(64 * 1024, 'x');
        for (const auto mode : {store_mode::replace, store_mode::append}) {
            for (const bool through_a_pipe : {false, true}) {
                auto upload = open("/old", mode);
                result<void> wrote;
                for (int i = 0; i < 32 && wrote; ++i)
                    wrote = through_a_pipe ? write_through_a_pipe(**upload, block) : (*upload)->write(block);
                wrong += wrote || wrote.error().code != errc::no_space ? 1 : 0;
                const auto committed = (*upload)->commit();
                wrong += committed || committed.error().code != errc::no_space ? 1 : 0;
                wrong += read_disk(root_ / "old") == "old content" ? 0 : 1;
            }
        }
        // And the space is free again.
        wrong += store("/new", std::string(12 * block.size(), 'x')) ? 0 : 1;
        return wrong;
    });
    if (!failed) GTEST_SKIP() << "needs the right to mount";
    EXPECT_EQ(failed, 0);
}

TEST_P(posix_upload, what_it_replaced_is_freed_after_the_commit) {
    const auto failed = run_on_tmpfs(root_.path(), "8m", [this] {
        int wrong = 0;
        directory_ = root_directory::open(root_.path().string());
        write_disk(root_ / "f", std::string(3 << 20, 'o'));
        {
            auto upload = open("/f");
            wrong += (*upload)->write(std::string_view("new")) && (*upload)->commit() ? 0 : 1;
            wrong += read_disk(root_ / "f") == "new" ? 0 : 1;
            wrong += fs::space(root_.path()).free < (6U << 20) ? 0 : 1;
        }
        wrong += fs::space(root_.path()).free > (7U << 20) ? 0 : 1;
        return wrong;
    });
    if (!failed) GTEST_SKIP() << "needs the right to mount";
    EXPECT_EQ(failed, 0);
}

INSTANTIATE_TEST_SUITE_P(each, posix_upload, testing::Bool(),
                         [](const auto& instance) { return std::string(instance.param ? "unnamed" : "named"); });

}  // namespace
}  // namespace sallyport::vfs
