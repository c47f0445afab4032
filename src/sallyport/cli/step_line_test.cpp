// The words for what a session waits for.

#include <sallyport/cli/step_line.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using client::step;

TEST(step_line, names_the_step_and_the_data_method) {
    EXPECT_EQ(step_text({step::data, proto::data_method::pasv}), "trying PASV");
    EXPECT_EQ(step_text({step::data, std::nullopt}), "opening a data connection");
    EXPECT_EQ(step_text({step::login, std::nullopt}), "logging in");
    EXPECT_EQ(step_text({step::transfer, std::nullopt}), "") << "the bar shows it";
}

TEST(step_line, prints_nothing_if_it_is_not_wanted) {
    ::testing::internal::CaptureStderr();
    {
        step_line line(false);
        EXPECT_FALSE(line.is_wanted());
        line.show(client::activity{step::connect, std::nullopt});
        line.end();
    }
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace sallyport::cli
