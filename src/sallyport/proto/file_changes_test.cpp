#include <sallyport/proto/file_changes.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

/// "Modify=...;UNIX.mode=...; name", or the code of the refusal.
std::string shown_change(const std::expected<file_change, reply>& change) {
    if (!change) return std::to_string(change.error().code);
    return text_of_facts(change->modified, change->mode) + ' ' + change->name;
}
std::string mff(std::string_view argument) { return shown_change(parse_mff(argument)); }
std::string site(std::string_view argument) {
    const auto change = parse_site_change(argument);
    return change ? shown_change(*change) : "another subcommand";
}

TEST(file_changes, MFMT) {
    const auto mfmt = [](std::string_view argument) { return shown_change(parse_mfmt(argument)); };
    EXPECT_EQ(mfmt("20260102150405 a b"), "Modify=20260102150405; a b");
    EXPECT_EQ(mfmt("20260102150405  a"), "Modify=20260102150405;  a") << "a name that begins with a blank";
    for (const auto* wrong :
         {"", "a", "20260102150405", "20260102150405 ", "202601021504 a", "20261302150405 a", " 20260102150405 a"})
        EXPECT_EQ(mfmt(wrong), "501") << wrong;
}

TEST(file_changes, MFF_has_two_facts) {
    EXPECT_EQ(mff("modify=20260102150405; a b"), "Modify=20260102150405; a b");
    EXPECT_EQ(mff("unix.MODE=640; a"), "UNIX.mode=0640; a");
    EXPECT_EQ(mff("UNIX.mode=0604;Modify=20260102150405.5; a"), "Modify=20260102150405;UNIX.mode=0604; a");
    EXPECT_EQ(mff("modify=20260102150405;  a"), "Modify=20260102150405;  a") << "a name that begins with a blank";
    for (const auto* wrong :
         {"a", "modify=20260102150405 a", "modify=20260102150405;", "modify=20260102150405; ", "; a", "modify=; a",
          "modify=2026; a", "UNIX.mode=4755; a", "UNIX.mode=1777; a", "UNIX.mode=8; a", "UNIX.mode=; a", "UNIX.mode=64; a"})
        EXPECT_TRUE(mff(wrong) == "501" || mff(wrong) == "504") << wrong << mff(wrong);
    EXPECT_EQ(mff("UNIX.owner=0; a"), "504");
    EXPECT_EQ(mff("modify=20260102150405;create=20260102150405; a"), "504");
}

TEST(file_changes, SITE_CHMOD) {
    EXPECT_EQ(site("CHMOD 640 a b"), "UNIX.mode=0640; a b");
    EXPECT_EQ(site("chmod 0755 a"), "UNIX.mode=0755; a");
    EXPECT_EQ(site("CHMOD 000 a"), "UNIX.mode=0000; a");
    for (const auto* wrong : {"CHMOD", "CHMOD 640", "CHMOD 640 ", "CHMOD a 640", "CHMOD 4755 a", "CHMOD 02755 a",
                              "CHMOD u+x a", "CHMOD 888 a", "CHMOD 0x1 a", "CHMOD  640 a"})
        EXPECT_EQ(site(wrong), "501") << wrong;
}

TEST(file_changes, SITE_UTIME_has_two_forms) {
    EXPECT_EQ(site("UTIME 20260102150405 a b"), "Modify=20260102150405; a b");
    EXPECT_EQ(site("utime 202601021504 a"), "Modify=20260102150400; a");
    EXPECT_EQ(site("UTIME a b 20200101000000 20260102150405 20190101000000 UTC"), "Modify=20260102150405; a b");
    EXPECT_EQ(site("UTIME a 202001010000 202601021504 201901010000 utc"), "Modify=20260102150400; a");
    // A name may look like a part of the other form.
    EXPECT_EQ(site("UTIME 20260102150405 a UTC"), "Modify=20260102150405; a UTC");
    for (const auto* wrong : {"UTIME", "UTIME a", "UTIME 20260102150405", "UTIME 2026 a", "UTIME a 20260102150405",
                              "UTIME a 20260102150405 20260102150405 UTC", "UTIME 20261302150405 a"})
        EXPECT_EQ(site(wrong), "501") << wrong;
}

TEST(file_changes, other_subcommands_are_not_theirs) {
    for (const auto* other : {"", "HELP", "CHMODX 640 a", "EXEC ls", "CPFR a"}) EXPECT_EQ(site(other), "another subcommand");
}

}  // namespace
}  // namespace sallyport::proto
