#include <sallyport/frontend/login_text.hpp>

#include <gtest/gtest.h>

namespace sallyport::frontend {
namespace {

TEST(LoginText, NamesUserAddressTlsAndResult) {
    const auto client = *endpoint::parse("192.0.2.1:5000");
    EXPECT_EQ(login_text("bob", client, "TLSv1.3", "accepted"),
              "Login of \"bob\" from 192.0.2.1:5000 over TLSv1.3: accepted");
    EXPECT_EQ(login_text("bob", client, "", "refused, 530 No."),
              "Login of \"bob\" from 192.0.2.1:5000 over an unencrypted connection: refused, 530 No.");
}

TEST(LoginText, EscapesWhatPeersSent_IN09) {
    const auto text = login_text("a\r\nLogin of \"root\"", *endpoint::parse("192.0.2.1:5000"), "", "refused, 530 \x1b[2J");
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_LT(login_text(std::string(5000, 'x'), {}, "", "accepted").size(), 300U);
}

// A program that bans addresses reads this line.
TEST(LoginText, HasNoQuotationMarksOfPeers) {
    constexpr auto forged = "x\" from 9.9.9.9:1 over T: refused, 530 y";
    const auto client = *endpoint::parse("192.0.2.1:5000");
    EXPECT_EQ(
        login_text(forged, client, "TLSv1.3", "refused, 530 No."),
        "Login of \"x\\x22 from 9.9.9.9:1 over T: refused, 530 y\" from 192.0.2.1:5000 over TLSv1.3: refused, 530 No.");
    EXPECT_EQ(login_text("bob", client, "", "refused, 530 Login of \"x\""),
              "Login of \"bob\" from 192.0.2.1:5000 over an unencrypted connection: refused, 530 Login of \\x22x\\x22");
}

}  // namespace
}  // namespace sallyport::frontend
