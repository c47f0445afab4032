#include <sallyport/vfs/posix_part.hpp>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>
#include <sallyport/vfs/test_disk.hpp>

namespace sallyport::vfs {
namespace {

namespace fs = std::filesystem;

class posix_part : public testing::Test {
protected:
    result<std::unique_ptr<store_file>> open_part(std::optional<std::uint64_t> offset,
                                                  existing_target existing = existing_target::keep) {
        return files_->open_part(path("/f.partial"), path("/f"), offset, existing);
    }
    /// Writes to it, and does not complete it. Returns what is kept then.
    std::string cut_off(result<std::unique_ptr<store_file>> upload, std::string_view more) {
        if (!upload) return "not opened: " + upload.error().text();
        EXPECT_TRUE(more.empty() || (*upload)->write(more));
        upload->reset();
        return content("f.partial");
    }
    std::string content(const char* name) { return fs::exists(root_ / name) ? read_disk(root_ / name) : "none"; }
    static virtual_path path(const char* text) { return *virtual_path().resolve(text); }
    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(root_.path()), fs::directory_iterator()));
    }
    static result<void> add(store_file& upload, std::string_view text) { return upload.write(text); }

    test_directory root_;
    std::shared_ptr<filesystem> files_ = open_posix_filesystem(root_.path(), {.sync = sync_policy::full}).value();
};

TEST_F(posix_part, is_continued_before_its_last_byte) {
    EXPECT_EQ(cut_off(open_part(0), ""), "none");
    EXPECT_EQ(cut_off(open_part(0), "0"), "none");
    EXPECT_EQ(cut_off(open_part({}), "01234x"), "01234x");
    EXPECT_EQ(files_->part_size(path("/f.partial")), 5U);
    EXPECT_EQ(cut_off(open_part({}), ""), "01234x") << "nothing has come";
    EXPECT_EQ(cut_off(open_part(2), ""), "01234x");
    EXPECT_EQ(cut_off(open_part({}), "56y"), "0123456y");
    EXPECT_EQ(cut_off(open_part(2), "ABz"), "01ABz");
    EXPECT_EQ(open_part(5).error().code, errc::out_of_range);
    auto upload = open_part(2);
    ASSERT_TRUE(add(**upload, "XYZ"));
    ASSERT_TRUE((*upload)->commit());
    upload->reset();
    EXPECT_EQ(content("f"), "01XYZ");
    EXPECT_EQ(entries(), 1U);
    EXPECT_EQ(open_part(1).error().code, errc::out_of_range);
    EXPECT_EQ(entries(), 1U);
}

TEST_F(posix_part, belongs_to_one_upload_at_a_time) {
    auto upload = open_part(0);
    ASSERT_TRUE(add(**upload, "first."));
    EXPECT_EQ(open_part(0).error().code, errc::busy);
    EXPECT_EQ(files_->part_size(path("/f.partial")).error().code, errc::busy);
    upload->reset();
    EXPECT_EQ(files_->part_size(path("/f.partial")), 5U);
    EXPECT_TRUE(open_part({}));
}

TEST_F(posix_part, whose_name_another_upload_has_taken_publishes_no_other_file) {
    for (const bool completes : {true, false}) {
        auto first = open_part(0);
        ASSERT_TRUE(add(**first, "first"));
        ASSERT_TRUE(files_->remove_file(path("/f.partial")));
        auto second = open_part(0);
        ASSERT_TRUE(add(**second, "second"));
        EXPECT_EQ(add(**first, "more").error().code, errc::busy);
        if (completes) {
            EXPECT_EQ((*first)->commit().error().code, errc::busy);
        }
        first->reset();
        EXPECT_EQ(content("f"), "none");
        EXPECT_EQ(content("f.partial"), "second");
        ASSERT_TRUE((*second)->commit());
        second->reset();
        EXPECT_EQ(content("f"), "second");
        fs::remove(root_ / "f");
    }
    auto empty = open_part(0);
    ASSERT_TRUE(files_->remove_file(path("/f.partial")));
    auto second = open_part(0);
    ASSERT_TRUE(add(**second, "second"));
    empty->reset();
    EXPECT_EQ(content("f.partial"), "second") << "the end of an empty one removes its own file only";
}

TEST_F(posix_part, replaces_a_file_only_if_it_may) {
    for (const auto existing : {existing_target::keep, existing_target::replace}) {
        auto upload = open_part(0, existing);
        ASSERT_TRUE(add(**upload, "later"));
        std::ofstream(root_ / "f") << "earlier";
        const auto done = (*upload)->commit();
        upload->reset();
        EXPECT_EQ(done.has_value(), existing == existing_target::replace);
        EXPECT_EQ(content("f"), done ? "later" : "earlier");
        EXPECT_EQ(entries(), 1U) << "the part of a file that exists can't be continued";
        fs::remove(root_ / "f");
    }
}

TEST_F(posix_part, is_a_file_with_one_name) {
    std::ofstream(root_ / "secret") << "secret";
    fs::create_symlink("secret", root_ / "f.partial");
    EXPECT_EQ(open_part({}).error().code, errc::not_a_file);
    fs::remove(root_ / "f.partial");
    fs::create_hard_link(root_ / "secret", root_ / "f.partial");
    EXPECT_EQ(open_part({}).error().code, errc::not_a_file);
    EXPECT_FALSE(files_->part_size(path("/f.partial")));
    fs::remove(root_ / "f.partial");
    fs::create_directory(root_ / "f.partial");
    EXPECT_EQ(open_part({}).error().code, errc::not_a_file);
    EXPECT_EQ(content("secret"), "secret");
}

}  // namespace
}  // namespace sallyport::vfs
