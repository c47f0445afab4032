#include <sallyport/cli/config_file.hpp>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

namespace sallyport::cli {
namespace {

struct example {
    CLI::App app{"", "serve"};
    std::vector<std::string> listen;
    std::string ports = "none";
    bool anonymous = false;
    int seconds = 0;
    std::string file = testing::TempDir() + "sallyport_config_" + std::to_string(getpid()) + ".toml";

    explicit example(const std::string& text) {
        app.add_option("--listen", listen)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        app.add_option("--passive-ports", ports);
        app.add_option("--idle-timeout", seconds);
        app.add_flag("--anonymous", anonymous);
        std::ofstream(file) << text;
    }
    ~example() { std::remove(file.c_str()); }

    std::string apply(const std::string& line = "") {
        app.parse(line);
        const auto done = apply_config_file(app, file);
        return done ? "" : done.error().text();
    }
};

TEST(ConfigFile, KeysAreTheOptions) {
    example e(
        "listen = [\"0.0.0.0:21\", \"[::]:21\"]\nanonymous = true\nidle_timeout = 60\n[passive]\nports = \"50000-50009\"\n");
    EXPECT_EQ(e.apply(), "");
    EXPECT_EQ(e.listen, (std::vector<std::string>{"0.0.0.0:21", "[::]:21"}));
    EXPECT_TRUE(e.anonymous);
    EXPECT_EQ(e.seconds, 60);
    EXPECT_EQ(e.ports, "50000-50009");
}

TEST(ConfigFile, TheCommandLineWins) {
    example e("passive-ports = \"1-2\"\n");
    EXPECT_EQ(e.apply("--passive-ports 3-4"), "");
    EXPECT_EQ(e.ports, "3-4");
}

TEST(ConfigFile, MistakesNameFileLineAndKey) {
    example unknown("anonymous = true\npasive-ports = \"1-2\"\n");
    EXPECT_NE(unknown.apply().find(unknown.file + ", line 2: 'pasive-ports' is not a setting"), std::string::npos);
    example form("idle-timeout = \"soon\"\n");
    EXPECT_NE(form.apply().find(", line 1: 'idle-timeout'"), std::string::npos);
    example broken("anonymous = \n");
    EXPECT_NE(broken.apply().find(", line 1"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
