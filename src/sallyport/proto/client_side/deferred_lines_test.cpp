#include <sallyport/proto/client_side/deferred_lines.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

[[nodiscard]] client_line line(std::string_view text) { return {.cmd = *parse_command(text)}; }

TEST(DeferredLines, KeepTheirOrder) {
    deferred_lines lines;
    EXPECT_TRUE(lines.empty());
    lines.push(line("PWD"));
    lines.push({.refused = local_reply{500, "No."}});
    lines.push_abort();
    EXPECT_EQ(lines.front().cmd.id, verb::pwd);
    EXPECT_EQ(lines.pop().cmd.id, verb::pwd);
    EXPECT_EQ(lines.pop().refused->code, 500);
    EXPECT_TRUE(lines.has_abort());
    EXPECT_TRUE(lines.pop().abort_done);
    EXPECT_FALSE(lines.has_abort());
    EXPECT_TRUE(lines.empty());
}

TEST(DeferredLines, HoldARunOfNoopAsOneEntry_G5) {
    deferred_lines lines;
    lines.push(line("PWD"));
    for (int i = 0; i < 10'000; ++i) lines.push(line("NOOP"));
    lines.push(line("PWD"));
    EXPECT_FALSE(lines.full());
    EXPECT_EQ(lines.pop().cmd.id, verb::pwd);
    for (int i = 0; i < 10'000; ++i) EXPECT_EQ(lines.pop().cmd.id, verb::noop);
    EXPECT_EQ(lines.pop().cmd.id, verb::pwd);
    EXPECT_TRUE(lines.empty());
}

TEST(DeferredLines, BecomeFull) {
    deferred_lines lines;
    for (std::size_t i = 0; i < limits::max_deferred_commands; ++i) {
        EXPECT_FALSE(lines.full());
        lines.push(line("PWD"));
    }
    EXPECT_TRUE(lines.full());
    lines.clear();
    EXPECT_TRUE(lines.empty());
    EXPECT_FALSE(lines.full());
}

TEST(DeferredLines, BecomeFullOfLongArguments) {  // RX-03
    const std::string path(limits::max_deferred_bytes / 4, 'x');
    deferred_lines lines;
    for (int i = 0; i < 4; ++i) {
        EXPECT_FALSE(lines.full());
        lines.push(line("CWD " + path));
    }
    EXPECT_TRUE(lines.full());
    EXPECT_EQ(lines.pop().cmd.argument, path);
    EXPECT_FALSE(lines.full());
}

}  // namespace
}  // namespace sallyport::proto
