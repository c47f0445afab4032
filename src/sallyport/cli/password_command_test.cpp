#include <sallyport/cli/password_command.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

std::string failure_of(std::string_view command) {
    const auto got = password_from(command);
    return got ? "a password: " + *got : got.error().what;
}

TEST(PasswordCommand, TheFirstLineIsThePassword) {
    EXPECT_EQ(password_from(R"(printf '%s\r\nlogin: me\n' "pass word")"), "pass word");
    EXPECT_EQ(password_from("printf secret"), "secret");
}

TEST(PasswordCommand, NoShellReadsIt) { EXPECT_EQ(password_from("printf %s $HOME;exit"), "$HOME;exit"); }

TEST(PasswordCommand, AFailureNamesTheCommandAndItsExitCode) {
    EXPECT_EQ(failure_of("sh -c 'echo secret; exit 7'"),
              "'sh -c 'echo secret; exit 7'' failed with exit code 7; run it on its own to see why");
    EXPECT_EQ(failure_of("sh -c 'kill -9 $$'"), "'sh -c 'kill -9 $$'' was ended by signal 9; run it on its own to see why");
    EXPECT_EQ(failure_of("sallyport-no-such-program x"),
              "there is no program 'sallyport-no-such-program'; install it, or correct the option");
    EXPECT_EQ(failure_of("true"), "'true' printed no password; its first line has to be the password");
    EXPECT_EQ(failure_of("pass 'x"), "'pass 'x': the quote ' is not closed; add it at the end");
    EXPECT_EQ(failure_of(" "), "the command is empty; name a program that prints the password");
}

}  // namespace
}  // namespace sallyport::cli
