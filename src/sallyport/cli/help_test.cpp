#include <sallyport/cli/help.hpp>

#include <ranges>
#include <string>

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/test_program.hpp>

namespace sallyport::cli {
namespace {

struct program : test_program {
    std::string wrong(const std::string& line) {
        try {
            app.parse(line);
        } catch (const CLI::ParseError& e) {
            return wrong_usage(app, e);
        }
        return {};
    }
};

TEST(Help, HasUsageCommandsGroupsAndNotes) {
    const program p;
    EXPECT_EQ(help_text(*p.serve, table_of(*p.serve), 80),
              "Serve a directory\n"
              "\n"
              "Usage: prog serve [OPTIONS] DIR [COMMAND]\n"
              "\n"
              "Commands:\n"
              "  status  Show the state\n"
              "\n"
              "Arguments:\n"
              "  DIR  [required]\n"
              "    Directory to share\n"
              "\n"
              "Shared:\n"
              "  --backend URL  [required, or another]\n"
              "    A server\n"
              "      weight=N  [default: 1]\n"
              "        Share of sessions\n"
              "      state=a|b\n"
              "        State\n"
              "  --loud\n"
              "    Shout\n"
              "\n"
              "Help:\n"
              "  -h, --help\n"
              "    Print this help\n"
              "\n"
              "Examples:\n"
              "  prog serve /a/very/long/line/that/stays/as/it/is/because/it/is/an/example --with --many --options\n"
              "\n"
              "End.\n");
    EXPECT_NE(help_text(*p.copy, table_of(*p.copy), 80).find("Usage: prog copy [OPTIONS] SOURCE...\n"), std::string::npos);
    EXPECT_NE(help_text(p.app, table_of(p.app), 80).find("Usage: prog COMMAND\n"), std::string::npos);
}

TEST(Help, IsWrappedToTheWidth) {
    const program p;
    for (const std::size_t width : {40U, 60U, 80U, 120U}) {
        for (const auto* command : {&std::as_const(p.app), static_cast<const CLI::App*>(p.copy)}) {
            const auto text = help_text(*command, table_of(*command), width);
            for (const auto line : std::views::split(text, '\n'))
                EXPECT_LE(std::string_view(line).size(), width) << std::string_view(line);
        }
    }
    EXPECT_EQ(wrapped("one two three", 9, 2), "  one two\n  three\n");
    EXPECT_EQ(wrapped("averylongword x", 5, 2), "  averylongword\n  x\n");
    EXPECT_EQ(wrapped("", 80, 2), "");
}

TEST(Help, WrongUsageIsOneLineWithTheClosest) {
    EXPECT_EQ(program().wrong("srve"), "prog: unknown command srve; did you mean serve? See 'prog --help'\n");
    EXPECT_EQ(program().wrong(""), "prog: no command given; see 'prog --help'\n");
    EXPECT_EQ(program().wrong("copy --outptu x y"),
              "prog copy: unknown option --outptu; did you mean --output? See 'prog copy --help'\n");
    EXPECT_EQ(program().wrong("copy --xyzzy=3"), "prog copy: unknown option --xyzzy; see 'prog copy --help'\n");
    EXPECT_EQ(program().wrong("copy"), "prog copy: SOURCE is required; see 'prog copy --help'\n");
    EXPECT_EQ(program().wrong("copy a --output"), "prog copy: --output: the value is missing; see 'prog copy --help'\n");
    EXPECT_EQ(program().wrong("serve status --lod"),
              "prog serve status: unknown option --lod; did you mean --loud? See 'prog serve status --help'\n")
        << "an option of the command that it is part of";
    EXPECT_EQ(program().wrong("srv\x1b[0m"), "prog: unknown command srv\\x1b[0m; see 'prog --help'\n");
}

}  // namespace
}  // namespace sallyport::cli
