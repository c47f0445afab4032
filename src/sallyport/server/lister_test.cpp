#include <sallyport/server/lister.hpp>

#include <gtest/gtest.h>

#include <sallyport/vfs/memory_filesystem.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/test_directory.hpp>

namespace sallyport::server {
namespace {

class lister_test : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(files_->make_directory(path("/pub")));
        vfs::put_file(*files_, "/pub/a.txt", "a");
        vfs::put_file(*files_, "/pub/.dot", "d");
        vfs::put_file(*files_, "/pub/x[1]", "x");
    }
    static virtual_path path(std::string_view text) { return *virtual_path().resolve(text); }

    std::string list(proto::verb what, std::string_view where, std::string pattern = {}, std::string prefix = {}) {
        lister source(
            *files_,
            {.what = what, .path = path(where), .pattern = std::move(pattern), .prefix = std::move(prefix), .facts = {}},
            {.name = "bob", .read_only = false}, 0);
        return source.next().value_or("failed");
    }

    std::shared_ptr<vfs::filesystem> files_ = vfs::make_memory_filesystem();
};

TEST_F(lister_test, names_carry_what_the_client_wrote_before_them) {
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "*.txt", "pub/"), "pub/a.txt\r\n");
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "*.txt"), "a.txt\r\n");
    EXPECT_EQ(list(proto::verb::nlst, "/pub/a.txt", {}, "../pub/a.txt"), "../pub/a.txt\r\n");
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "a.*", "pub"), "pub/a.txt\r\n");
}

TEST_F(lister_test, names_come_in_order_whatever_the_directory_says) {
    const vfs::test_directory real;
    auto files = vfs::open_posix_filesystem(real.path(), {.sync = vfs::durability::none});
    ASSERT_TRUE(files);
    files_ = *files;
    for (const char* name : {"/m", "/c", "/z", "/a", "/b"}) vfs::put_file(*files_, name, "");
    EXPECT_EQ(list(proto::verb::nlst, "/"), "a\r\nb\r\nc\r\nm\r\nz\r\n");
}

TEST_F(lister_test, a_name_with_wildcard_letters_is_found_as_such) {
    EXPECT_EQ(list(proto::verb::nlst, "/pub", "x[1]"), "x[1]\r\n");
}

TEST_F(lister_test, dot_files_show_in_mlsd_and_where_asked_for) {
    EXPECT_EQ(list(proto::verb::nlst, "/pub").find(".dot"), std::string::npos);
    EXPECT_NE(list(proto::verb::mlsd, "/pub").find(" .dot\r\n"), std::string::npos);
    EXPECT_NE(list(proto::verb::list, "/pub/.dot").find(" .dot\r\n"), std::string::npos);
}

TEST_F(lister_test, permissions_are_those_of_the_user) {  // RFC 3659 section 7.5.5
    EXPECT_NE(list(proto::verb::mlsd, "/").find("perm=cdeflmp;"), std::string::npos);
    const std::string line =
        describe_entry(path("/pub/a.txt"), *files_->stat(path("/pub/a.txt"), vfs::may_block::yes), {}, true);
    EXPECT_NE(line.find("perm=r;"), std::string::npos) << line;
    EXPECT_NE(line.find(" /pub/a.txt"), std::string::npos) << line;
}

TEST_F(lister_test, what_is_not_there_is_an_error) {
    EXPECT_EQ(list(proto::verb::list, "/nowhere"), "failed");
    EXPECT_EQ(list(proto::verb::mlsd, "/pub/a.txt"), "failed");
    EXPECT_EQ(list(proto::verb::list, "/pub", "*.gz"), "");
}

}  // namespace
}  // namespace sallyport::server
