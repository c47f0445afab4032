#include <sallyport/proto/command_policy.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] int code_for(const command_policy& policy, std::string_view line) {
    const auto refused = policy.refuses(*parse_command(line));
    return refused ? refused->code : 0;
}

TEST(CommandPolicy, AllowsAllByDefault) {
    for (const auto* line : {"STOR x", "SITE CHMOD 777 x", "MFF UNIX.mode=0777; x", "MDTM 20260102030405 x", "XYZZY"})
        EXPECT_EQ(code_for({}, line), 0) << line;
}

TEST(CommandPolicy, RefusesListedCommandsUnderAllTheirNames) {
    const auto policy = *command_policy::make({}, {"dele", "XRMD", "SITE"}, false);
    for (const auto* line : {"DELE x", "RMD x", "XRMD x", "SITE HELP"}) EXPECT_EQ(code_for(policy, line), 502) << line;
    for (const auto* line : {"STOR x", "MKD x", "XYZZY"}) EXPECT_EQ(code_for(policy, line), 0) << line;
}

TEST(CommandPolicy, AllowsOnlyListedAndLoginCommands) {
    const auto policy = *command_policy::make({"RETR", "EPSV"}, {}, false);
    for (const auto* line : {"RETR x", "EPSV", "USER u", "PASS p", "QUIT", "AUTH TLS", "PBSZ 0", "PROT P"})
        EXPECT_EQ(code_for(policy, line), 0) << line;
    for (const auto* line : {"STOR x", "PASV", "LIST", "FEAT", "XYZZY"}) EXPECT_EQ(code_for(policy, line), 502) << line;
    EXPECT_TRUE(policy.hides(verb::mlst));
    EXPECT_EQ(code_for(*command_policy::make({"RETR", "STOR"}, {"STOR"}, false), "STOR x"), 502) << "refuse has precedence";
}

TEST(CommandPolicy, ReadOnlyRefusesAllThatChangesSomething) {
    const auto policy = *command_policy::make({}, {}, true);
    for (const auto* line : {"STOR x", "STOU", "APPE x", "RNFR x", "RNTO x", "DELE x", "RMD x", "XRMD x", "MKD x", "XMKD x",
                             "SITE CHMOD 777 x", "MFMT 20260102030405 x", "MDTM 20260102030405 x"})
        EXPECT_EQ(code_for(policy, line), 550) << line;
    EXPECT_EQ(code_for(policy, "XYZZY x"), 502) << "its effect is unknown";
    for (const auto* line : {"RETR x", "LIST", "MLSD", "CWD x", "MDTM x", "MDTM 20260102030405", "SIZE x", "REST 1",
                             "ALLO 1", "HASH x", "XCRC x", "RANG 0 1"})
        EXPECT_EQ(code_for(policy, line), 0) << line;
}

TEST(CommandPolicy, RefusesUnknownNames) {
    for (const auto* name : {"FOO", "", "STOR x", "ST-R", "FEATS"}) {
        EXPECT_FALSE(command_policy::make({name}, {}, false)) << name;
        EXPECT_FALSE(command_policy::make({}, {name}, false)) << name;
    }
    EXPECT_FALSE(command_policy::make({}, {"PASS"}, false)) << "no login would be possible";
    for (const auto& row : command_table())
        EXPECT_TRUE(command_policy::make({std::string(row.name)}, {}, false)) << row.name;
}

}  // namespace
}  // namespace sallyport::proto
