// Words of the shell as arguments of client commands.

#include <sallyport/cli/shell_arguments.hpp>

#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using enum argument_use;

shell_place at(const std::string& directory) { return {*client::url::parse("ftp://u@h/"), directory}; }

/// Those of a command with the options -r and -O DIR, in one line.
std::string arguments_of(argument_use use, std::string_view line, const std::string& directory = "/d") {
    bool recursive = false;
    std::string output;
    command_table table;
    table.add("Files", {{"-r,--recursive", "", flag(recursive), ""}, {"-O,--output", "DIR", text(output), ""}});
    const auto commands = split_commands(line);
    const auto got = client_arguments(table, use, commands->empty() ? command_words() : commands->front(), at(directory));
    return got ? fmt::format("{}", fmt::join(*got, " ")) : "error: " + got.error().what;
}

TEST(ShellArguments, NamesAreBelowTheDirectory) {
    const auto place = at("/a/b");
    EXPECT_EQ(place.path_of("c"), "/a/b/c");
    EXPECT_EQ(place.path_of("../c/"), "/a/c/");
    EXPECT_EQ(place.path_of("/c/./d"), "/c/d");
    EXPECT_EQ(place.path_of("../../../.."), "/");
    EXPECT_EQ(place.path_of(""), "/a/b");
    EXPECT_EQ(place.path_of("."), "/a/b/");
    EXPECT_EQ(place.url_of("c d%"), "ftp://u@h//a/b/c%20d%25");
    EXPECT_EQ(place.url_of("ftp://other/x"), "ftp://other/x");
    EXPECT_EQ(at("").path_of("c"), "c");
    EXPECT_EQ(at("").path_of("/c"), "/c");
    EXPECT_EQ(at("/").path_of("c"), "/c");
}

TEST(ShellArguments, OptionsKeepTheirValues) {
    EXPECT_EQ(arguments_of(patterns, "-r a -O out b"), "-r -O out -- ftp://u@h//d/a ftp://u@h//d/b");
    EXPECT_EQ(arguments_of(patterns, "-rO out a --output=x"), "-rO out --output=x -- ftp://u@h//d/a");
    EXPECT_EQ(arguments_of(patterns, "-- -r"), "-- ftp://u@h//d/-r");
}

TEST(ShellArguments, OnlyUnquotedWildcardsAreOnes) {
    EXPECT_EQ(arguments_of(patterns, "*.c"), "-- ftp://u@h//d/*.c");
    const auto path_in = [](const std::string& words) { return client::url::parse(words.substr(3))->path; };
    EXPECT_EQ(path_in(arguments_of(patterns, "'a*'")), "/d/a\\*");
    EXPECT_EQ(path_in(arguments_of(patterns, "'a*' --no-glob").substr(10)), "/d/a*");
    EXPECT_EQ(path_in(arguments_of(names, "'a*'")), "/d/a*");
    // The name of the directory is no pattern.
    EXPECT_EQ(path_in(arguments_of(patterns, "a", "/[d]")), "/\\[d\\]/a");
    EXPECT_EQ(path_in(arguments_of(names, "a", "/[d]")), "/[d]/a");
}

TEST(ShellArguments, SomeCommandsHaveTheDirectoryAsTheirDefault) {
    EXPECT_EQ(arguments_of(names_or_here, ""), "-- ftp://u@h//d");
    EXPECT_EQ(arguments_of(patterns_or_here, "-r"), "-r -- ftp://u@h//d");
    EXPECT_EQ(arguments_of(patterns, ""), "--");
}

TEST(ShellArguments, SomeArgumentsAreNoNames) {
    EXPECT_EQ(arguments_of(mode_and_patterns, "644 a b"), "-- 644 ftp://u@h//d/a ftp://u@h//d/b");
    EXPECT_EQ(arguments_of(patterns_and_target, "a b ../c/"), "-- ftp://u@h//d/a ftp://u@h//d/b /c/");
    EXPECT_EQ(arguments_of(ftp_command, "SITE -x a"), "-- ftp://u@h//d SITE -x a");
}

TEST(ShellArguments, AnUploadGoesToTheDirectoryOrToTheNameOfAnOption) {
    EXPECT_EQ(arguments_of(local_files, "-r a /b"), "-r -- a /b ftp://u@h//d/");
    EXPECT_EQ(arguments_of(local_files, "a -o c"), "-- a ftp://u@h//d/c");
    EXPECT_EQ(arguments_of(local_files, "a b -O ../c"), "-- a b ftp://u@h//c/");
    EXPECT_EQ(arguments_of(local_files, "a ftp://other/x"), "-- a ftp://other/x");
    EXPECT_TRUE(arguments_of(local_files, "").starts_with("error: "));
}

TEST(ShellArguments, AMirrorHasADirection) {
    EXPECT_EQ(arguments_of(mirror, "a/b/"), "-- ftp://u@h//d/a/b/ b");
    EXPECT_EQ(arguments_of(mirror, "a /srv/b"), "-- ftp://u@h//d/a /srv/b");
    EXPECT_EQ(arguments_of(mirror, "-R /srv/b"), "-- /srv/b ftp://u@h//d/b");
    EXPECT_EQ(arguments_of(mirror, "-R b c"), "-- b ftp://u@h//d/c");
    EXPECT_TRUE(arguments_of(mirror, "/").starts_with("error: "));
    EXPECT_TRUE(arguments_of(mirror, "..").starts_with("error: "));
}

}  // namespace
}  // namespace sallyport::cli
