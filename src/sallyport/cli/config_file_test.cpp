#include <sallyport/cli/config_file.hpp>

#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
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
    EXPECT_NE(unknown.apply().find(unknown.file + ", line 2: unknown key 'pasive-ports'; did you mean passive-ports? See "
                                                  "'sallyport serve --help' for valid keys"),
              std::string::npos);
    example form("idle-timeout = \"soon\"\n");
    EXPECT_NE(form.apply().find(", line 1: 'idle-timeout'"), std::string::npos);
    example broken("anonymous = \n");
    EXPECT_NE(broken.apply().find(", line 1"), std::string::npos);
}

TEST(ConfigFile, ASettingComesOnceHoweverItIsSpelled) {
    for (const char* text : {"idle-timeout = 5\nidle_timeout = 6\n", "idle-timeout = 5\n[idle]\ntimeout = 6\n",
                             "idle.timeout = 5\nidle-timeout = 6\n", "idle-timeout = 5\nidle-timeout = 6\n"}) {
        example e(text);
        EXPECT_NE(e.apply().find(e.file + ", line "), std::string::npos) << text;
    }
    example given("idle-timeout = 5\nidle_timeout = 6\n");
    EXPECT_NE(given.apply("--idle-timeout 1").find("a second time"), std::string::npos);
}

TEST(ConfigFile, ValuesHaveTheFormOfTheirSetting) {
    for (const char* text :
         {"anonymous = 1\n", "anonymous = \"yes\"\n", "anonymous = [true]\n", "idle-timeout = true\n",
          "passive-ports = \"\"\n", "passive-ports = \"a\\r\\nb\"\n", "passive-ports = \"a\\u0000\"\n",
          "passive-ports = [\"1-2\", \"3-4\"]\n", "passive-ports = 1979-05-27\n", "passive-ports = []\n",
          "passive-ports = [[\"1-2\"]]\n", "passive-ports = {a = 1}\n", "config = \"x\"\n", "help = true\n", "\"\" = 1\n"}) {
        example e(text);
        const auto said = e.apply();
        EXPECT_NE(said.find(e.file + ", line 1: "), std::string::npos) << text << said;
        EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    }
    example fraction("idle-timeout = 5\npassive-ports = 1.5\n");
    EXPECT_EQ(fraction.apply(), "");
    EXPECT_EQ(fraction.ports, "1.5");
}

TEST(ConfigFile, AListIsOnlyForRepeatableSettings) {
    example list("idle-timeout = [1, 2]\n");
    EXPECT_EQ(list.apply(), list.file + ", line 1: 'idle-timeout' takes one value, not a list");
}

TEST(ConfigFile, WhoIsMeantIsFoundInAListOfUsers) {
    config_locations locations("f.toml");
    locations.add("user", "anna:secret", 3);
    locations.add("user", "bob:*", 4);
    locations.add("user", "anna:other", 5);
    EXPECT_EQ(locations.locate({errc::usage, 0, "--user 'bob': no"}).what, "f.toml, line 4: --user 'bob': no");
    EXPECT_EQ(locations.locate({errc::usage, 0, "--user 'anna': no"}).what, "f.toml, line 5: --user 'anna': no");
    EXPECT_TRUE(locations.has("user"));
    EXPECT_FALSE(locations.has("reader"));
}

std::string repeated(std::string_view part, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += part;
    return out;
}

/// Applies a file of these bytes: no error, or one line with the place and the reason.
void expect_a_value(const std::string& text) {
    example e(text);
    const auto said = e.apply();
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    EXPECT_TRUE(said.empty() || said.starts_with(e.file)) << said;
}

TEST(ConfigFile, ChangedBytesAreAValue) {  // DU-08
    std::mt19937 random(7);                // NOLINT(cert-msc51-cpp): the same each time
    const std::string good =
        "listen = [\"0.0.0.0:21\", '[::]:21'] # both\nanonymous = true\nidle-timeout = 60\n\n[passive]\nports = \"\"\"\n"
        "1-2\"\"\"\n[a.b.c]\nd = {e = 1.5, f = [1979-05-27T07:32:00Z]}\n[[g]]\n";
    const std::vector<std::string> pieces{
        "[",   "]",    "{",  "}",   "\"",           "'",       "\"\"\"", "'''",
        ".",   "=",    ",",  "\n",  "\\",           "#",       "a.",     "[a.",
        "{a=", "\xff", "\r", "inf", "\xef\xbb\xbf", "\\u0000", "1e400",  std::string(1, '\0')};
    const auto number = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
    for (int round = 0; round < 1500; ++round) {
        std::string text = good;
        for (auto changes = 1 + number(6); changes > 0; --changes) {
            const auto at = number(text.size() + 1);
            switch (number(4)) {
                case 0: text.insert(at, pieces[number(pieces.size())]); break;
                case 1: text.insert(at, repeated(pieces[number(pieces.size())], 1 + number(3000))); break;
                case 2: text.erase(at, number(20)); break;
                default:
                    if (at < text.size()) text[at] = static_cast<char>(number(256));
            }
        }
        expect_a_value(text);
    }
    for (int round = 0; round < 300; ++round) {
        std::string text;
        for (auto size = number(400); size > 0; --size) text += static_cast<char>(number(256));
        expect_a_value(text);
    }
}

TEST(ConfigFile, DepthAndLengthEndNoProcess) {  // DU-08
    for (const char* part : {"[a.", "a.", "[", "{a=", "[{a.a=", "\"", "[[a.", "a=[[", "a\n.", "[a]\n", "[[a]]\n"})
        expect_a_value(repeated(part, 60'000));
    expect_a_value("[a" + repeated(".a", 50'000) + "]\nx = 1\n");
    expect_a_value("x = \"" + repeated("x", 4'000'000) + "\"\n");
}

}  // namespace
}  // namespace sallyport::cli
