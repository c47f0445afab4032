#include <sallyport/cli/sample_file.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/cli/test_program.hpp>

namespace sallyport::cli {
namespace {

TEST(SampleFile, HasEachKeyWithItsMeaningAndDefault) {
    CLI::App app{"Program", "prog"};
    app.add_subcommand("check", "Check");
    std::vector<std::string> hosts;
    std::string quoted = "say \"hello\"";
    std::string ca;
    std::uint64_t bytes = 0;
    unsigned retries = 3;
    bool loud = false;
    int speed = 1;
    command_table table;
    table.add("Arguments", {{"DIR", "", text(ca), "No key"}});
    table.add("First", {{"--host", "NAME", texts(hosts), "Hosts"},
                        {"--greeting", "TEXT", text(quoted), "Greeting"},
                        {"--ca", "FILE", text(ca), "CA", "system CAs"},
                        {"--config", "FILE", not_in_file(text(ca)), "No key either"}});
    table.add("Second", {{"--limit", "BYTES", size(bytes), "Limit"},
                         {"--retries", "N", count(retries), "Retries"},
                         {"--speed", "slow|fast", choice(speed, "speed", choices<int>{{"slow", 1}, {"fast", 2}}), "Pace"},
                         {"--loud", "", flag(loud), "Shout"}});
    set_table(app, std::move(table));
    const auto sample = sample_file(app);
    EXPECT_EQ(sample.substr(sample.find("\n# ---- ")),
              "\n# ---- First\n"
              "\n# Hosts [default: none]\n#host = [\"NAME\"]\n"
              "\n# Greeting [default: say \"hello\"]\n#greeting = \"say \\\"hello\\\"\"\n"
              "\n# CA [default: system CAs]\n#ca = \"FILE\"\n"
              "\n# ---- Second\n"
              "\n# Limit [default: 0 (no limit)]\n#limit = 0\n"
              "\n# Retries [default: 3]\n#retries = 3\n"
              "\n# Pace [default: slow]\n#speed = \"slow\"\n"
              "\n# Shout\n#loud = false\n");
}

TEST(SampleFile, IsEmptyForACommandWithoutConfigurationFile) {
    CLI::App app{"Program", "prog"};
    std::string host;
    command_table table;
    table.add("First", {{"--host", "NAME", text(host), "Host"}});
    set_table(app, std::move(table));
    EXPECT_EQ(sample_file(app), "");
}

}  // namespace
}  // namespace sallyport::cli
