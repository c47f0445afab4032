#include <sallyport/proto/reply_writer.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

TEST(reply_writer, collects_replies_until_they_are_sent) {
    reply_writer w;
    w.write({220, {"Hello."}}, false);
    w.append("\xff\xfc\x01");
    w.write({211, {"Features:", "SIZE", "End"}}, false);
    EXPECT_EQ(w.output(),
              "220 Hello.\r\n\xff\xfc\x01"
              "211-Features:\r\n SIZE\r\n211 End\r\n");
    EXPECT_EQ(w.last_code(), 211);
    std::string taken = "old";
    w.release_output(taken);
    EXPECT_TRUE(taken.starts_with("220 Hello."));
    EXPECT_EQ(w.output(), "");
}

TEST(reply_writer, doubles_0xff_only_without_tls) {
    reply_writer w;
    w.write({257, {"\"/\xff\""}}, false);
    EXPECT_EQ(w.output(), "257 \"/\xff\xff\"\r\n");
    w.write({257, {"\"/\xff\""}}, true);
    EXPECT_TRUE(w.output().ends_with("\r\n257 \"/\xff\"\r\n"));
}

TEST(reply_writer, writes_a_long_reply_in_pieces) {  // RX-03
    reply_writer w;
    std::vector<std::string> lines;
    w.set_trace([&lines](std::string_view line) { lines.emplace_back(line); });
    w.write_first_line(213, "Status follows:", false);
    w.write_inner_lines("213 a\r\n\xff\r\n", false);
    w.write_inner_lines("", false);
    w.write_inner_lines("c\r\n", false);
    w.write({213, {"End."}}, false);
    EXPECT_EQ(w.output(), "213-Status follows:\r\n 213 a\r\n \xff\xff\r\n c\r\n213 End.\r\n");
    EXPECT_EQ(lines, (std::vector<std::string>{"< 213-Status follows:", "<  213 a", "<  \xff", "<  c", "< 213 End."}));
}

TEST(reply_writer, shows_each_line_and_no_password) {
    reply_writer w;
    std::vector<std::string> lines;
    // Not traced yet.
    w.show_command("USER bob");
    w.set_trace([&lines](std::string_view line) { lines.emplace_back(line); });
    w.show_command("PASS canary");
    w.write({211, {"Features:", "SIZE", "End"}}, false);
    EXPECT_EQ(lines, (std::vector<std::string>{"> PASS ****", "< 211-Features:", "<  SIZE", "< 211 End"}));
}

}  // namespace
}  // namespace sallyport::proto
