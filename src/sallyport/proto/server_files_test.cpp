#include <sallyport/proto/server_files.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

class server_files_test : public ::testing::Test {
protected:
    /// The reply to a command whose outcome is `answer`.
    [[nodiscard]] std::string answered(std::string_view text, const result<file_result>& answer = file_result{}) {
        auto step = begin(text);
        if (std::holds_alternative<file_request>(step)) step = files.finish(answer);
        const auto* r = std::get_if<reply>(&step);
        return r != nullptr ? std::to_string(r->code) + ' ' + r->full_text() : "another request";
    }
    [[nodiscard]] server_files::step begin(std::string_view text) {
        const auto c = parse_command(text).value();
        files.note_command(c.id);
        return files.start(c, type);
    }
    [[nodiscard]] file_request asked(std::string_view text) {
        const auto step = begin(text);
        const auto* request = std::get_if<file_request>(&step);
        return request != nullptr ? *request : file_request{.command = verb::unknown};
    }
    [[nodiscard]] auto listing(std::string_view text) const { return files.listing(parse_command(text).value()); }

    server_files files;
    data_type type = data_type::image;
};

TEST_F(server_files_test, the_directory_changes_with_the_outcome) {
    EXPECT_EQ(asked("CWD /a/\"b").path.text(), "/a/\"b");
    EXPECT_EQ(files.directory().text(), "/");
    EXPECT_EQ(answered("CWD /a/\"b"), "250 \"/a/\"\"b\" is the current directory.");
    EXPECT_EQ(answered("PWD"), "257 \"/a/\"\"b\" is the current directory.");
    EXPECT_EQ(answered("CWD c", fail(errc::not_found, "/a/c")).substr(0, 3), "550");
    EXPECT_EQ(answered("CDUP"), "250 \"/a\" is the current directory.");
    EXPECT_EQ(asked("DELE f").path.text(), "/a/f");
}

TEST_F(server_files_test, rnto_directly_follows_rnfr) {
    EXPECT_EQ(answered("RNTO b").substr(0, 3), "503");
    EXPECT_EQ(answered("RNFR a"), "350 Ready for RNTO.");
    const auto request = asked("RNTO b");
    EXPECT_EQ(request.from.text(), "/a");
    EXPECT_EQ(request.path.text(), "/b");
    (void)answered("RNFR a");
    (void)answered("PWD");
    EXPECT_EQ(answered("RNTO b").substr(0, 3), "503");
    (void)answered("RNFR a", fail(errc::not_found));
    EXPECT_EQ(answered("RNTO b").substr(0, 3), "503");
}

// FS-08
TEST_F(server_files_test, size_requires_type_image) {
    EXPECT_EQ(answered("SIZE f", file_result{.size = 12}), "213 12");
    type = data_type::ascii;
    EXPECT_EQ(answered("SIZE f").substr(0, 3), "550");
}

TEST_F(server_files_test, mdtm_sets_a_time_unless_the_argument_is_a_file_name) {
    EXPECT_EQ(asked("MDTM 20200101000000 f").path.text(), "/20200101000000 f");
    const auto second = files.finish(fail(errc::not_found));
    const auto* request = std::get_if<file_request>(&second);
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->command, verb::mfmt);
    EXPECT_EQ(request->path.text(), "/f");
    EXPECT_EQ(std::get<reply>(files.finish(file_result{})).text(), "Modify=20200101000000; /f");
    EXPECT_EQ(answered("MDTM 20200101000000 f", fail(errc::permission)).substr(0, 3), "550");
    EXPECT_EQ(answered("MDTM f", fail(errc::not_found)).substr(0, 3), "550");
    EXPECT_EQ(asked("MFMT 20200101000000 f").command, verb::mfmt);
    EXPECT_EQ(answered("MFMT f").substr(0, 3), "501");
}

TEST_F(server_files_test, invalid_names_cause_no_request) {
    const std::string name(300, 'n');
    EXPECT_EQ(answered("CWD " + name).substr(0, 3), "550");
    EXPECT_EQ(answered("MKD " + name).substr(0, 3), "553");
    EXPECT_EQ(answered("STAT " + name).substr(0, 3), "550");
    EXPECT_EQ(listing("LIST " + name).error().code, 550);
}

TEST_F(server_files_test, facts_are_those_selected_by_opts) {
    files.set_options({.facts = fact_set::parse("size;")});
    EXPECT_FALSE(asked("MLST f").facts.type);
    EXPECT_TRUE(asked("MLST f").facts.size);
    EXPECT_FALSE(listing("MLSD")->facts.type);
    EXPECT_EQ(answered("MLST f", file_result{.line = " size=1; /f"}), "250 Begin size=1; /f End.");
}

TEST_F(server_files_test, a_hash_names_its_range) {
    EXPECT_EQ(asked("HASH a b").algorithm, hash_algorithm::sha256);
    EXPECT_EQ(answered("HASH a b", file_result{.size = 50, .line = "ab"}), "213 SHA-256 0-49 ab /a b");
    files.set_options({.algorithm = hash_algorithm::md5});
    const auto step = files.start(parse_command("HASH f").value(), type, {.begin = 10, .end = 20});
    EXPECT_EQ(std::get<file_request>(step).range, (byte_range{10, 20}));
    EXPECT_EQ(std::get<reply>(files.finish(file_result{.size = 10, .line = "ab"})).text(), "MD5 10-19 ab /f");
    EXPECT_EQ(asked("XCRC f").algorithm, hash_algorithm::crc32);
    EXPECT_EQ(answered("XCRC f", file_result{.size = 10, .line = "ab"}), "250 ab");
}

TEST_F(server_files_test, the_numbers_after_a_name_are_a_range_unless_they_belong_to_it) {
    EXPECT_EQ(asked("XMD5 f 5 9").path.text(), "/f 5 9");
    const auto second = files.finish(fail(errc::not_found));
    const auto* request = std::get_if<file_request>(&second);
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->path.text(), "/f");
    EXPECT_EQ(request->range, (byte_range{5, 9}));
    EXPECT_EQ(std::get<reply>(files.finish(fail(errc::not_found, "/f"))).code, 550);
    EXPECT_EQ(answered("XMD5 f 5 9", fail(errc::permission)).substr(0, 3), "550");
    EXPECT_EQ(asked("XMD5 \"f\" 5 9").range, (byte_range{5, 9}));
    EXPECT_EQ(answered("XMD5 \"f\" x").substr(0, 3), "501");
}

TEST_F(server_files_test, a_listing_may_name_a_file_an_option_or_a_pattern) {
    (void)answered("CWD /d");
    EXPECT_EQ(listing("LIST")->path.text(), "/d");
    EXPECT_TRUE(listing("LIST -a")->show_hidden);
    const auto pattern = listing("NLST sub/*.txt");
    EXPECT_EQ(pattern->path.text(), "/d/sub");
    EXPECT_EQ(pattern->pattern, "*.txt");
    ASSERT_EQ(pattern->names.size(), 1U);
    EXPECT_EQ(pattern->names.front().path.text(), "/d/sub/*.txt");
    EXPECT_EQ(listing("MLSD -a")->names.front().path.text(), "/d/-a");
}

TEST_F(server_files_test, stat_with_a_path_is_a_listing) {
    const auto request = asked("STAT *.txt");
    ASSERT_TRUE(request.listing);
    EXPECT_EQ(request.listing->pattern, "*.txt");
    EXPECT_TRUE(files.start_lines());
    EXPECT_FALSE(files.start_lines());
    EXPECT_EQ(std::get<reply>(files.finish(file_result{})), (reply{213, {"End of status."}}));
    (void)asked("STAT *.txt");
    EXPECT_EQ(std::get<reply>(files.finish(file_result{})), (reply{213, {"Status follows:", "End of status."}}));
    (void)asked("STAT *.txt");
    EXPECT_EQ(std::get<reply>(files.finish(fail(errc::not_found))).code, 550);
    (void)asked("STAT *.txt");
    EXPECT_TRUE(files.start_lines());
    const auto failed = std::get<reply>(files.finish(fail(errc::io)));
    EXPECT_EQ(failed.code, 213);
    EXPECT_TRUE(failed.text().starts_with("The listing is incomplete: "));
}

}  // namespace
}  // namespace sallyport::proto
