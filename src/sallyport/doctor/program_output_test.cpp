#include <sallyport/doctor/program_output.hpp>

#include <cstdlib>

#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

/// With a search path that contains no program.
class ProgramOutput : public testing::Test {
protected:
    void SetUp() override {
        if (const auto* const path = std::getenv("PATH")) before_ = path;
        ::setenv("PATH", "/nonexistent", 1);
    }
    void TearDown() override { ::setenv("PATH", before_.c_str(), 1); }

private:
    std::string before_;
};

TEST_F(ProgramOutput, FindsProgramsOfTheSystemWithoutTheSearchPath) {
    const auto printed = output_of({"chroot", "--version"});
    ASSERT_TRUE(printed) << printed.error().text();
    ASSERT_TRUE(*printed) << "/usr/sbin/chroot is part of coreutils";
    EXPECT_TRUE((*printed)->contains("chroot"));
}

TEST_F(ProgramOutput, AMissingProgramIsNoFailure) {
    const auto printed = output_of({"sallyport-no-such-program"});
    ASSERT_TRUE(printed) << printed.error().text();
    EXPECT_FALSE(*printed);
}

TEST_F(ProgramOutput, AFailureOfAProgramIsOne) {
    const auto printed = output_of({"/bin/sh", "-c", "exit 3"});
    ASSERT_FALSE(printed);
    EXPECT_EQ(printed.error().code, errc::rejected);
}

}  // namespace
}  // namespace sallyport::doctor
