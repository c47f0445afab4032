#include <sallyport/cli/option_table.hpp>

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

namespace sallyport::cli {
namespace {

using namespace std::chrono_literals;

enum class colour : std::uint8_t { red, green };

struct example {
    CLI::App app{"An example", "test"};
    std::chrono::seconds wait{5};
    std::chrono::milliseconds connect{3000};
    std::size_t limit = 1;
    std::size_t max = 0;
    std::uint64_t bytes = 65'536;
    double rate_limit = 0;
    std::optional<port_range> range;
    colour paint = colour::red;
    bool loud = false;
    std::string file;
    std::vector<std::string> several_files;
    std::vector<std::string> verbs;

    example() {
        command_table table;
        table.add("Numbers", {{"--wait", "SECONDS", time(wait, {.zero = true}), "Waits"},
                              {"--connect", "SECONDS", time(connect, {.min = 1ms, .max = 1h}), "Connects"},
                              {"--limit", "N", count(limit, {.max = 9, .off = true}), "Limits"},
                              {"--most", "N", count(max, {.zero = true}), "Limits sessions"},
                              {"--bytes", "BYTES", size(bytes), "Sizes"},
                              {"--rate", "N", rate(rate_limit), "Rates"}});
        table.add("Words",
                  {{"--paint", "COLOUR",
                    choice(paint, "colour", choices<colour>{{"red", colour::red}, {"green", colour::green}}), "Paints"},
                   {"-l,--loud", "", flag(loud), "Shouts"}});
        table.add("Numbers", {{"--ports", "A-B", ports(range), "Opens", "any free port"}});
        table.add("Files", {{"--file", "FILE", not_in_file(text(file)), "Reads"},
                            {"--files", "FILE", texts(several_files), "Reads several"},
                            {"--verbs", "VERB,...", comma_list(verbs), "Lists"}});
        set_table(app, std::move(table));
    }

    std::string parse(const std::string& line) {
        try {
            app.parse(line);
        } catch (const CLI::ParseError& e) {
            return e.what();
        }
        return {};
    }
};

TEST(OptionTable, ARowIsAnOption) {
    example e;
    EXPECT_EQ(
        e.parse("--wait 2m --connect 0.25 --limit off --most 7 --bytes 10M --rate 0.5 --ports 1-2 --paint green -l --file a "
                "--files b --files c --verbs X,Y --verbs Z"),
        "");
    EXPECT_EQ(e.wait, 120s);
    EXPECT_EQ(e.connect, 250ms);
    EXPECT_EQ(e.limit, 0U);
    EXPECT_EQ(e.max, 7U);
    EXPECT_EQ(e.bytes, 10U << 20U);
    EXPECT_EQ(e.rate_limit, 0.5);
    EXPECT_EQ(e.range, (port_range{1, 2}));
    EXPECT_EQ(e.paint, colour::green);
    EXPECT_TRUE(e.loud);
    EXPECT_EQ(e.file, "a");
    EXPECT_EQ(e.several_files, (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(e.verbs, (std::vector<std::string>{"X", "Y", "Z"}));
}

TEST(OptionTable, AnOptionalTextIsAfterAnEqualsSignOnly) {
    for (const auto& [line, expected] : {std::pair("--list", "true"), {"--list=a,b", "a,b"}, {"--list --loud", "true"}}) {
        CLI::App app("", "test");
        std::string list;
        bool loud = false;
        command_table table;
        table.add("Words", {{"--list", "[=LIST]", optional_text(list), "Lists"}, {"--loud", "", flag(loud), "Shouts"}});
        set_table(app, std::move(table));
        app.parse(line);
        EXPECT_EQ(list, expected);
        EXPECT_EQ(app.get_option("--list")->results().front(), expected) << "as a reload applies it";
    }
}

TEST(OptionTable, AnErrorNamesOptionValueCauseAndNextStep) {
    EXPECT_EQ(example().parse("--wait -5"),
              "--wait -5: a time can't be negative; use a time such as 30s or 5m, from 1s to 366d, 0 for no limit");
    EXPECT_EQ(example().parse("--limit 10"), "--limit 10: this is too much; use a whole number from 1 to 9, or off");
    EXPECT_EQ(example().parse("--paint blue"), "--paint blue: unknown colour; use red or green");
    EXPECT_EQ(example().parse("--ports 2-1"), "--ports 2-1: invalid range; use FIRST-LAST, for example 50000-50099");
    EXPECT_EQ(example().parse("--connect 0.0005"),
              "--connect 0.0005: this is too short; use a time such as 30s or 5m, from 1ms to 1h");
}

TEST(OptionTable, GroupsOfOneTitleAreOne) {
    const example e;
    const auto& groups = table_of(e.app).groups;
    ASSERT_EQ(groups.size(), 3U);
    EXPECT_EQ(groups.front().title, "Numbers");
    EXPECT_EQ(groups.front().rows.back().name, "--ports");
}

TEST(OptionTable, TheHelpShowsDefaultsAndBounds) {
    const auto help = example().app.help();
    for (const std::string line :
         {"  --wait SECONDS  [default: 5; 0: no limit]\n    Waits\n", "  --connect SECONDS  [default: 3; 0.001 to 3600]\n",
          "  --limit N  [default: 1; 1 to 9, or off]\n", "  --most N  [default: 0 (no limit)]\n",
          "  --bytes BYTES  [default: 64K; 0: no limit]\n", "  --rate N  [default: 0 (no limit)]\n",
          "  --ports A-B  [default: any free port]\n", "  --paint COLOUR  [default: red]\n", "  -l, --loud\n    Shouts\n",
          "  --files FILE ...  [default: none]\n"})
        EXPECT_NE(help.find(line), std::string::npos) << line << "in\n" << help;
}

TEST(OptionTable, ACommandWithoutATableHasNone) {
    CLI::App bare("", "bare");
    EXPECT_TRUE(table_of(bare).groups.empty());
}

}  // namespace
}  // namespace sallyport::cli
