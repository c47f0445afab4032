// Which keys of servers are trusted.

#include <sallyport/cli/key_trust.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using ::testing::HasSubstr;

constexpr auto some_key = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
constexpr auto other_key = "sha256//X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
const trusted_key kept{some_key, 100};

TEST(KeyTrust, KnownKeysAreTrustedAndOthersHaveChanged) {
    for (const auto mode : {trust_mode::ask, trust_mode::first_use, trust_mode::pin}) {
        EXPECT_EQ(judge_key(mode, {}, kept, some_key), key_verdict::trusted);
        EXPECT_EQ(judge_key(mode, {}, kept, other_key), key_verdict::changed);
    }
}

TEST(KeyTrust, TheModeDecidesAboutTheFirstKey) {
    EXPECT_EQ(judge_key(trust_mode::ask, {}, {}, some_key), key_verdict::ask);
    EXPECT_EQ(judge_key(trust_mode::first_use, {}, {}, some_key), key_verdict::keep);
    EXPECT_EQ(judge_key(trust_mode::pin, {}, {}, some_key), key_verdict::unknown);
}

TEST(KeyTrust, PinsAreTheOnlyKeys) {
    EXPECT_EQ(judge_key(trust_mode::first_use, {other_key, some_key}, {}, some_key), key_verdict::trusted);
    EXPECT_EQ(judge_key(trust_mode::first_use, {other_key}, kept, some_key), key_verdict::changed);
    EXPECT_EQ(judge_key(trust_mode::first_use, {some_key}, {}, ""), key_verdict::changed) << "no certificate";
}

TEST(KeyTrust, PinsHaveAForm) {
    EXPECT_TRUE(check_pin(some_key));
    for (const std::string wrong :
         {"", "sha256//", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256//47DE",
          "sha1//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF;="}) {
        const auto checked = check_pin(wrong);
        ASSERT_FALSE(checked) << wrong;
        EXPECT_THAT(checked.error().what, HasSubstr("--pin " + wrong));
    }
}

}  // namespace
}  // namespace sallyport::cli
