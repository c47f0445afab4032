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
