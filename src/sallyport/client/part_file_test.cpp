#include <sallyport/client/part_file.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace sallyport::client {
namespace {

class part_file_test : public ::testing::Test {
protected:
    part_file_test() {
        std::string name = "/tmp/sallyport-part-XXXXXX";
        directory_ = ::mkdtemp(name.data());
    }
    ~part_file_test() override { std::filesystem::remove_all(directory_); }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory_ / name).string(); }
    void write(const std::string& name, const std::string& content) const { std::ofstream(at(name)) << content; }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream in(at(name));
        return {std::istreambuf_iterator<char>(in), {}};
    }
    [[nodiscard]] bool there(const std::string& name) const { return std::filesystem::exists(at(name)); }
    static void append(const part_file& f, std::string_view bytes) {
        ::lseek(f.get(), 0, SEEK_END);
        EXPECT_EQ(::write(f.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }

    std::filesystem::path directory_;
};

TEST_F(part_file_test, the_old_file_stays_until_the_new_one_is_whole) {
    write("x", "old");
    auto f = part_file::open(at("x"), false);
    ASSERT_TRUE(f);
    append(*f, "new");
    EXPECT_EQ(read("x"), "old");
    ASSERT_TRUE(f->commit());
    EXPECT_EQ(read("x"), "new");
    EXPECT_FALSE(there("x.part"));
}

TEST_F(part_file_test, what_came_is_kept_and_an_empty_file_is_not) {
    auto f = part_file::open(at("x"), false);
    append(*f, "half");
    EXPECT_EQ(f->abandon(), at("x.part"));
    EXPECT_FALSE(there("x"));
    auto empty = part_file::open(at("y"), false);
    EXPECT_EQ(empty->abandon(), "");
    EXPECT_FALSE(there("y.part"));
}

TEST_F(part_file_test, a_download_goes_on_in_the_part_else_in_the_file) {
    write("x.part", "half");
    auto f = part_file::open(at("x"), true);
    append(*f, " whole");
    ASSERT_TRUE(f->commit());
    EXPECT_EQ(read("x"), "half whole");
    auto again = part_file::open(at("x"), true);
    append(*again, "!");
    ASSERT_TRUE(again->commit());
    EXPECT_EQ(read("x"), "half whole!");
    EXPECT_TRUE(part_file::open(at("new"), true).has_value());
}

TEST_F(part_file_test, devices_are_written_to_and_directories_refused) {
    auto null = part_file::open("/dev/null", false);
    ASSERT_TRUE(null);
    EXPECT_EQ(::write(null->get(), "x", 1), 1);
    EXPECT_TRUE(null->commit());
    EXPECT_FALSE(std::filesystem::exists("/dev/null.part"));
    EXPECT_EQ(part_file::open(directory_.string(), false).error().code, errc::is_a_directory);
}

TEST_F(part_file_test, a_link_in_the_way_of_the_part_is_not_followed) {
    write("victim", "precious");
    std::filesystem::create_symlink(at("victim"), at("x.part"));
    EXPECT_FALSE(part_file::open(at("x"), false).has_value());
    EXPECT_EQ(read("victim"), "precious");
}

}  // namespace
}  // namespace sallyport::client
