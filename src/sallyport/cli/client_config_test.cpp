// The file of default options of the client.

#include <sallyport/cli/client_config.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace sallyport::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class client_config_test : public testing::Test {
protected:
    ~client_config_test() override { std::filesystem::remove(file_); }
    result<option_values> read(const std::string& text) const {
        std::ofstream(file_) << text;
        return read_client_config(file_);
    }
    std::string failure_of(const std::string& text) const {
        const auto got = read(text);
        return got ? "none" : got.error().text();
    }

    std::string file_ = (std::filesystem::path(testing::TempDir()) / ("client.toml-" + std::to_string(getpid()))).string();
};

TEST_F(client_config_test, its_keys_are_options) {
    EXPECT_EQ(
        read("timeout = 20\ndata-methods = 'pasv'\nno_pipelining = true\nactive = false\nparallel = 8\n").value(),
        (option_values{{"data-methods", {"pasv"}}, {"no-pipelining", {"true"}}, {"parallel", {"8"}}, {"timeout", {"20"}}}));
    EXPECT_EQ(read("").value(), option_values());
    EXPECT_EQ(read_client_config("/nonexistent/client.toml").value(), option_values());
    EXPECT_EQ(read_client_config("").value(), option_values());
}

TEST_F(client_config_test, errors_name_file_and_line) {
    const auto line_two = file_ + ", line 2";
    EXPECT_THAT(failure_of("\npasive = true\n"), AllOf(HasSubstr(line_two), HasSubstr("did you mean passive")));
    EXPECT_THAT(failure_of("\ntimeout = 'soon'\n"), HasSubstr(line_two));
    EXPECT_THAT(failure_of("active = true\npassive = true\n"), HasSubstr(file_ + ", line "));
    EXPECT_THAT(failure_of("\n= 1\n"), HasSubstr(line_two));
}

TEST_F(client_config_test, what_is_for_one_run_is_no_default) {
    for (const auto* key : {"output", "delete", "then-delete", "recursive", "user", "json", "URL", "resume"})
        EXPECT_THAT(failure_of(std::string(key) + " = 'x'\n"), HasSubstr("unknown key")) << key;
}

}  // namespace
}  // namespace sallyport::cli
