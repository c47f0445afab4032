#include <sallyport/proto/server_input.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

class server_input_test : public ::testing::Test {
protected:
    void client(std::string_view text) { EXPECT_FALSE(input.append(text, true, replies)); }
    [[nodiscard]] static std::string text_of(const std::optional<client_line>& line) {
        if (!line) return "none";
        if (line->abort_done) return "abort done";
        return line->refused ? std::to_string(line->refused->code) : line->cmd.name;
    }
    [[nodiscard]] std::string next() { return text_of(input.next(replies)); }
    [[nodiscard]] std::string urgent() { return text_of(input.next_during_transfer(replies)); }

    reply_writer replies;
    server_input input;
};

TEST_F(server_input_test, returns_lines_in_order) {
    client("USER bob\r\nPAS");
    EXPECT_EQ(next(), "USER");
    EXPECT_EQ(next(), "none");
    EXPECT_EQ(input.pending(), 3U);
    client("S x\r\n");
    EXPECT_EQ(next(), "PASS");
    EXPECT_EQ(input.pending(), 0U);
}

TEST_F(server_input_test, only_abor_and_stat_are_executed_during_a_transfer) {
    client("STAT\r\nPWD\r\nSTAT\r\nABOR\r\nNOOP\r\n");
    EXPECT_EQ(urgent(), "STAT");
    EXPECT_EQ(urgent(), "ABOR") << "the second STAT follows PWD, which is deferred";
    EXPECT_TRUE(input.has_abort());
    EXPECT_EQ(urgent(), "none");
    EXPECT_EQ(input.pending(), 1U);
    for (const auto* expected : {"PWD", "STAT", "abort done", "NOOP", "none"}) EXPECT_EQ(next(), expected);
    EXPECT_FALSE(input.has_abort());
}

TEST_F(server_input_test, stat_with_a_path_is_deferred) {
    client("STAT dir\r\n");
    EXPECT_EQ(urgent(), "none");
    EXPECT_EQ(next(), "STAT");
}

TEST_F(server_input_test, reads_no_more_lines_than_can_be_deferred) {
    std::string many;
    for (std::size_t i = 0; i < limits::max_deferred_commands + 5; ++i) many += "PWD\r\n";
    client(many + "ABOR\r\n");
    EXPECT_EQ(urgent(), "none");
    EXPECT_TRUE(input.full());
    EXPECT_FALSE(input.has_abort());
    EXPECT_EQ(next(), "PWD");
    EXPECT_FALSE(input.full());
}

TEST_F(server_input_test, answers_telnet_without_tls) {
    EXPECT_FALSE(input.append("\xff\xfd\x01NOOP\r\n", false, replies));
    EXPECT_EQ(replies.output(), "\xff\xfc\x01");
    EXPECT_EQ(next(), "NOOP");
}

TEST_F(server_input_test, clear_discards_all_lines) {
    client("PWD\r\n");
    EXPECT_EQ(urgent(), "none");
    client("NOOP\r\nNO");
    input.clear();
    EXPECT_EQ(next(), "none");
    EXPECT_EQ(input.pending(), 0U);
}

}  // namespace
}  // namespace sallyport::proto
