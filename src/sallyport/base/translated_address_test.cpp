#include <sallyport/base/translated_address.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport {
namespace {

std::string translated(std::string_view address, std::string_view of_ipv4only_arpa) {
    const std::vector<ip_address> known{ip_address::v4({192, 0, 0, 170}), *ip_address::parse(of_ipv4only_arpa)};
    const auto found = ipv4_of_translated(*ip_address::parse(address), known);
    return found ? found->text() : "none";
}

TEST(TranslatedAddress, IsFoundByTheAddressesOfIpv4OnlyArpa) {
    // The prefixes of RFC 6052 section 2.4.
    EXPECT_EQ(translated("2001:db8:c000:221::", "2001:db8:c000:aa::"), "192.0.2.33");
    EXPECT_EQ(translated("2001:db8:1c0:2:21::", "2001:db8:1c0:0:aa::"), "192.0.2.33");
    EXPECT_EQ(translated("2001:db8:122:c000:2:2100::", "2001:db8:122:c000:0:ab00::"), "192.0.2.33");
    EXPECT_EQ(translated("2001:db8:122:3c0:0:221::", "2001:db8:122:3c0:0:aa::"), "192.0.2.33");
    EXPECT_EQ(translated("2001:db8:122:344:c0:2:2100::", "2001:db8:122:344:c0:0:aa00::"), "192.0.2.33");
    EXPECT_EQ(translated("2001:db8:122:344::192.0.2.33", "2001:db8:122:344::192.0.0.171"), "192.0.2.33");
}

TEST(TranslatedAddress, HasTheWellKnownPrefix) {
    EXPECT_EQ(translated("64:ff9b::192.0.2.33", "2001:db8::1"), "192.0.2.33");
    EXPECT_EQ(translated("64:ff9b:1::192.0.2.33", "2001:db8::1"), "none") << "a prefix for local use has any length";
}

TEST(TranslatedAddress, IsNoOtherAddress) {
    EXPECT_EQ(translated("2001:db8::5", "64:ff9b::192.0.0.170"), "none");
    EXPECT_EQ(translated("2001:db8::5", "2001:db8::1"), "none") << "the name has IPv6 addresses of its own";
    EXPECT_EQ(translated("192.0.2.33", "64:ff9b::192.0.0.170"), "none");
}

}  // namespace
}  // namespace sallyport
