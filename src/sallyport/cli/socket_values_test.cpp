#include <sallyport/cli/socket_values.hpp>

#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace sallyport::cli {
namespace {

TEST(SocketValues, APathAloneIsForItsUser_G12) {
    EXPECT_EQ(*parse_socket_place("/run/gate.sock"),
              (ops::socket_place{.path = "/run/gate.sock", .group = {}, .mode = 0600}));
}

TEST(SocketValues, TheGroupMayConnect) {
    const auto* const entry = ::getgrgid(0);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(*parse_socket_place(fmt::format("/s?group={}", entry->gr_name)),
              (ops::socket_place{.path = "/s", .group = 0, .mode = 0660}));
    EXPECT_EQ(*parse_socket_place("/s?group=12"), (ops::socket_place{.path = "/s", .group = 12, .mode = 0660}));
    EXPECT_EQ(*parse_socket_place("/s?mode=0620&group=12"), (ops::socket_place{.path = "/s", .group = 12, .mode = 0620}));
    EXPECT_EQ(*parse_socket_place("/s?mode=666"), (ops::socket_place{.path = "/s", .group = {}, .mode = 0666}));
}

TEST(SocketValues, RefusalsSayWhatToUse) {
    const auto refusal = [](std::string_view text) {
        const auto parsed = parse_socket_place(text);
        return parsed ? std::string() : parsed.error().what;
    };
    EXPECT_NE(refusal("/s?mode=9").find("use octal digits such as 0660"), std::string::npos);
    EXPECT_NE(refusal("/s?mode=4755").find("is not a mode"), std::string::npos);
    EXPECT_NE(refusal("/s?mode=").find("is not a mode"), std::string::npos);
    EXPECT_NE(refusal("/s?group=no such group").find("has no group \"no such group\""), std::string::npos);
    EXPECT_NE(refusal("/s?group=").find("has no group"), std::string::npos);
    EXPECT_NE(refusal("/s?owner=bob").find("unknown parameter \"owner=bob\""), std::string::npos);
    EXPECT_NE(refusal("/s?").find("unknown parameter"), std::string::npos);
    EXPECT_NE(refusal("?group=12").find("the path is empty"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
