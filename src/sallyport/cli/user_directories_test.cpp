// Where files of the user are.

#include <sallyport/cli/user_directories.hpp>

#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

/// An environment variable that a test changes.
class changed_variable {
public:
    changed_variable(const char* name, const char* value) : name_(name) {
        if (const char* const old = std::getenv(name)) old_ = old;
        if (value == nullptr)
            ::unsetenv(name);
        else
            ::setenv(name, value, 1);
    }
    ~changed_variable() {
        if (old_)
            ::setenv(name_, old_->c_str(), 1);
        else
            ::unsetenv(name_);
    }
    changed_variable(const changed_variable&) = delete;
    changed_variable& operator=(const changed_variable&) = delete;

private:
    const char* name_;
    std::optional<std::string> old_;
};

TEST(UserDirectories, VariablesTakePrecedenceOverTheHomeDirectory) {
    const changed_variable home("HOME", "/srv/ann");
    const changed_variable config("XDG_CONFIG_HOME", nullptr);
    const changed_variable state("XDG_STATE_HOME", "/srv/state");
    EXPECT_EQ(config_directory(), "/srv/ann/.config/sallyport");
    EXPECT_EQ(state_directory(), "/srv/state/sallyport");
}

TEST(UserDirectories, RelativePathsDoNotCount) {
    const changed_variable home("HOME", "ann");
    const changed_variable config("XDG_CONFIG_HOME", "");
    const changed_variable state("XDG_STATE_HOME", "state");
    EXPECT_EQ(config_directory(), "");
    EXPECT_EQ(state_directory(), "");
}

}  // namespace
}  // namespace sallyport::cli
