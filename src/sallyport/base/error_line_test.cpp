#include <sallyport/base/error_line.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(ErrorLine, IsOneLineForAnyText) {
    EXPECT_EQ(line_of({errc::syntax, 0, "file \"a\nb\": no\x7f"}), "file \"a\\x0ab\": no\\x7f");
}

TEST(ErrorLine, OfAWrongOptionHasNoDescriptionOfTheCode) {
    EXPECT_EQ(line_of({errc::syntax, 0, "--listen x: give ADDRESS:PORT"}), "--listen x: give ADDRESS:PORT");
    const error system{errc::io, 0, "the log"};
    EXPECT_EQ(line_of(system), system.text());
}

}  // namespace
}  // namespace sallyport
