#pragma once
// A small program for the tests of what is written from tables of options. One thread; its commands point into it.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sallyport/cli/option_table.hpp>

namespace sallyport::cli {

struct test_program {
    CLI::App app{"A program that does things for people who want things done and who read every line of its help", "prog"};
    CLI::App* serve = app.add_subcommand("serve", "Serve a directory");
    CLI::App* status = serve->add_subcommand("status", "Show the state");
    CLI::App* copy = app.add_subcommand("copy", "Copy files");
    std::string directory;
    std::vector<std::string> sources;
    std::string first;
    std::string second;
    bool loud = false;
    int speed = 1;

    test_program() {
        app.require_subcommand(1);
        set_table(app, {.notes = "Run 'prog COMMAND --help'."});
        command_table serving;
        serving.add("Arguments", {{"DIR", "", text(directory), "Directory to share", "required"}});
        serving.add("Shared", {{"--backend",
                                "URL",
                                text(first),
                                "A server",
                                "required, or another",
                                {{"weight=N", "1", "Share of sessions"}, {"state=a|b", "", "State"}}},
                               {"--loud", "", flag(loud), "Shout"}});
        serving.notes =
            "Examples:\n  prog serve /a/very/long/line/that/stays/as/it/is/because/it/is/an/example --with --many "
            "--options\n\nEnd.";
        set_table(*serve, std::move(serving));
        command_table showing;
        showing.add("Output", {{"--speed", "slow|fast", choice(speed, "speed", choices<int>{{"slow", 1}, {"fast", 2}}),
                                "The user's speed: how fast"}});
        set_table(*status, std::move(showing));
        status->fallthrough();
        command_table copying;
        copying.add("Arguments", {{"SOURCE", "", required(texts(sources)), "What to copy"}});
        copying.add("Shared", {{"--loud", "", flag(loud), "Shout"},
                               {"-o,--output", "FILE", text(second),
                                "Where the copy goes, in a sentence that is too long for one line of "
                                "eighty columns"}});
        set_table(*copy, std::move(copying));
    }

    test_program(const test_program&) = delete;
    test_program& operator=(const test_program&) = delete;
    test_program(test_program&&) = delete;
    test_program& operator=(test_program&&) = delete;
    ~test_program() = default;
};

}  // namespace sallyport::cli
