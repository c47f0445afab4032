#include <sallyport/base/error.hpp>

#include <cerrno>
#include <set>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Error, EveryCodeHasItsOwnNameAndASentence) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(errc::misuse); ++i) {
        const auto code = static_cast<errc>(i);
        EXPECT_TRUE(names.insert(name(code)).second) << name(code);
        EXPECT_FALSE(describe(code).empty());
    }
}

TEST(Error, KindsSeparateThePeerFromTheEnvironment) {
    EXPECT_EQ(kind(errc::timeout), error_kind::environment);
    EXPECT_EQ(kind(errc::too_long), error_kind::peer);
    EXPECT_EQ(kind(errc::usage), error_kind::usage);
    EXPECT_EQ(kind(errc::misuse), error_kind::misuse);
}

TEST(Error, TextNamesTheObjectAndTheSystemsReason) {
    EXPECT_EQ(error(errc::not_found, ENOENT, "/srv/a.txt").text(), "/srv/a.txt: No such file or directory");
    EXPECT_EQ(error(errc::timeout, 0, "backend 10.0.0.1:21").text(), "backend 10.0.0.1:21: timed out");
    EXPECT_EQ(error(errc::closed).text(), "connection closed by the peer");
    EXPECT_EQ(error(errc::io, EIO).text(), "the system refused the operation: Input/output error");
}

TEST(Error, TextHasTheCauseBeforeTheNextStep) {
    EXPECT_EQ(error(errc::not_found, ENOENT, "no daemon at /run/s; start it").text(),
              "no daemon at /run/s: No such file or directory; start it");
    EXPECT_EQ(error(errc::login_refused, 0, "the server requires an account; add --account").text(),
              "the server requires an account; add --account");
}

TEST(Error, ErrnoBecomesACause) {
    EXPECT_EQ(from_errno(ENOSPC), errc::no_space);
    EXPECT_EQ(from_errno(EDQUOT), errc::quota);
    EXPECT_EQ(from_errno(EXDEV), errc::name_invalid);
    EXPECT_EQ(from_errno(EIO), errc::io);
}

}  // namespace
}  // namespace sallyport
