#include <sallyport/client/part_file.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/stat.h>
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
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& e : std::filesystem::directory_iterator(directory_)) out.push_back(e.path().filename().string());
        return out;
    }
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

TEST_F(part_file_test, received_data_are_kept_and_an_empty_file_is_not) {
    auto f = part_file::open(at("x"), false);
    append(*f, "half");
    EXPECT_EQ(f->abandon(), at("x.part"));
    EXPECT_FALSE(there("x"));
    auto empty = part_file::open(at("y"), false);
    EXPECT_EQ(empty->abandon(), "");
    EXPECT_FALSE(there("y.part"));
}

TEST_F(part_file_test, a_download_goes_on_in_the_part_and_never_in_the_file) {
    write("x.part", "half");
    auto f = part_file::open(at("x"), true);
    EXPECT_FALSE(f->only_final_file_existed());
    append(*f, " whole");
    ASSERT_TRUE(f->commit());
    EXPECT_EQ(read("x"), "half whole");
    auto again = part_file::open(at("x"), true);
    EXPECT_TRUE(again->only_final_file_existed());
    append(*again, "new");
    EXPECT_EQ(read("x"), "half whole");
    ASSERT_TRUE(again->commit());
    EXPECT_EQ(read("x"), "new");
    EXPECT_FALSE(part_file::open(at("none"), true)->only_final_file_existed());
}

TEST_F(part_file_test, CL05_the_version_is_stored_with_the_part) {
    const file_version version{300'000, 1'767'323'045};
    {
        auto f = part_file::open(at("x"), false);
        EXPECT_FALSE(f->recorded());
        f->record(version);
        append(*f, "half");
        EXPECT_EQ(f->abandon(), at("x.part"));
    }
    auto f = part_file::open(at("x"), true);
    EXPECT_EQ(f->recorded(), version);
    ASSERT_TRUE(f->commit());
    EXPECT_EQ(names(), std::vector<std::string>{"x"});
}

TEST_F(part_file_test, CL05_a_record_that_is_damaged_or_of_something_else_counts_for_nothing) {
    for (const auto* text :
         {"", "size 5\n", "size 5\nmodified 2026", "size 5\nmodified 20260102030405", "size -5\nmodified 20260102030405\n",
          "modified 20260102030405\nsize 5\n", "size 5\nmodified 20260102030405\nmore\n"}) {
        write("x.part", "half");
        write("x.part.from", text);
        EXPECT_FALSE(part_file::open(at("x"), true)->recorded()) << text;
    }
    write("x.part.from", "size 5\nmodified 20260102030405\n");
    EXPECT_TRUE(part_file::open(at("x"), true)->recorded());
    auto f = part_file::open(at("x"), false);
    EXPECT_FALSE(f->recorded());
    f->record(std::nullopt);
    EXPECT_FALSE(there("x.part.from"));
    write("victim", "precious");
    std::filesystem::create_symlink(at("victim"), at("x.part.from"));
    EXPECT_FALSE(part_file::open(at("other"), true)->recorded());
    f->record(file_version{1, 1});
    EXPECT_EQ(read("victim"), "precious");
}

TEST_F(part_file_test, a_name_too_long_for_a_record_is_no_obstacle) {
    const std::string name(250, 'x');
    auto f = part_file::open(at(name), false);
    ASSERT_TRUE(f);
    f->record(file_version{300'000, 1'767'323'045});
    EXPECT_FALSE(f->recorded());
    append(*f, "whole");
    ASSERT_TRUE(f->commit());
    EXPECT_EQ(read(name), "whole");
}

TEST_F(part_file_test, the_part_has_one_owner_who_is_named) {
    auto first = part_file::open(at("x"), false);
    ASSERT_TRUE(first);
    append(*first, "half");
    for (const bool resume : {true, false}) {
        const auto second = part_file::open(at("x"), resume);
        ASSERT_FALSE(second.has_value());
        EXPECT_EQ(second.error().code, errc::busy);
        EXPECT_NE(second.error().what.find("process " + std::to_string(::getpid())), std::string::npos)
            << second.error().what;
    }
    EXPECT_EQ(read("x.part"), "half") << "the second one changed nothing";
    ASSERT_TRUE(first->commit());
    EXPECT_TRUE(part_file::open(at("x"), false).has_value()) << "the lock ends with the download";
}

TEST_F(part_file_test, a_part_that_is_no_file_is_refused) {
    std::filesystem::create_directory(at("x.part"));
    EXPECT_FALSE(part_file::open(at("x"), false).has_value());
    ASSERT_EQ(::mkfifo(at("y.part").c_str(), 0600), 0);
    EXPECT_EQ(part_file::open(at("y"), true).error().code, errc::not_a_file);
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
