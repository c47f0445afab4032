#include <sallyport/imports/proftpd_reader.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::imports {
namespace {

result<std::vector<import_file>> nothing_to_include(const std::string& path) {
    return fail(errc::not_found, path + ": no such file");
}

std::string error_of_conf(const std::string& text) {
    const auto read = read_proftpd_conf({"p.conf", text}, nothing_to_include);
    return read ? "none" : read.error().what;
}

TEST(proftpd_reader, words_quotation_marks_and_continued_lines) {
    const auto read = read_proftpd_conf(
        {"p.conf",
         "# a comment\n\n  ServerName \"Say \\\"friend\\\"\"  # the end\r\nPassivePorts \\\n 50000 \\\n50099\nUmask\t022\n"},
        nothing_to_include);
    ASSERT_TRUE(read) << read.error().what;
    ASSERT_EQ(read->lines.size(), 3U);
    EXPECT_EQ(read->lines[0].words, (std::vector<std::string>{"Say \"friend\""}));
    EXPECT_EQ(read->lines[1].value(), "50000 50099");
    EXPECT_EQ(read->lines[1].line, 4U);
    EXPECT_EQ(read->lines[2].line, 7U) << "lines are counted as they are in the file";
    EXPECT_TRUE(read->lines[2].is("UMASK"));
}

TEST(proftpd_reader, sections) {
    const auto read = read_proftpd_conf({"p.conf",
                                         "<IfModule mod_tls.c>\nTLSEngine on\n<IfModule !mod_x.c>\nPort 1\n</IfModule>\n"
                                         "</IfModule>\n<Directory \"/srv/a b\">\n <limit READ DIRS> \n  DenyAll\n </Limit>\n"
                                         "</Directory>\n"},
                                        nothing_to_include);
    ASSERT_TRUE(read) << read.error().what;
    ASSERT_EQ(read->lines.size(), 2U) << "a module counts as loaded";
    EXPECT_EQ(read->lines[1].name, "TLSEngine");
    ASSERT_EQ(read->sections.size(), 2U);
    EXPECT_EQ(read->sections[0].opening.value(), "!mod_x.c");
    EXPECT_EQ(read->sections[1].opening.value(), "/srv/a b");
    ASSERT_EQ(read->sections[1].sections.size(), 1U);
    EXPECT_TRUE(read->sections[1].sections[0].opening.is("<Limit>"));
    EXPECT_EQ(read->sections[1].sections[0].opening.value(), "READ DIRS");
}

TEST(proftpd_reader, included_files) {
    const import_include include = [](const std::string& path) -> result<std::vector<import_file>> {
        if (path == "/again") return std::vector<import_file>{{"/again", "Include /again\n"}};
        return std::vector<import_file>{{"/a", "Port 1\n"}, {"/b", "Umask 022\n"}};
    };
    const auto read = read_proftpd_conf({"p.conf", "Include /x/\nPort 2\n"}, include);
    ASSERT_TRUE(read) << read.error().what;
    ASSERT_EQ(read->lines.size(), 4U);
    EXPECT_EQ(read->lines[1].file, "/a");
    EXPECT_EQ(read->lines[3].file, "p.conf");
    const auto again = read_proftpd_conf({"p.conf", "Include /again\n"}, include);
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().what.find("include each other too deeply"), std::string::npos);
}

TEST(proftpd_reader, what_proftpd_refuses_is_an_error) {
    EXPECT_EQ(error_of_conf("<Global>\n"), "p.conf, line 1: <Global> has no end; write </Global>");
    EXPECT_EQ(error_of_conf("\n</Global>\n"), "p.conf, line 2: </Global> ends no section");
    EXPECT_EQ(error_of_conf("<Global>\n</Limit>\n"), "p.conf, line 2: </Limit> ends no section");
    EXPECT_NE(error_of_conf("<Global\n").find("line 1: a section needs '>'"), std::string::npos);
    EXPECT_NE(error_of_conf("<>\n").find("line 1: a section needs a name"), std::string::npos);
    EXPECT_NE(error_of_conf(std::string("Port 1\0\n", 8)).find("control characters"), std::string::npos);
    EXPECT_NE(error_of_conf("Include /x\n").find("p.conf, line 1: /x: no such file"), std::string::npos);
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += "<Limit ALL>\n";
    EXPECT_NE(error_of_conf(deep).find("nested too deeply"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::imports
