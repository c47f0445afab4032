#include <sallyport/proto/data_method.hpp>

#include <gtest/gtest.h>

#include <array>

namespace sallyport::proto {
namespace {

using enum data_method;
constexpr std::array all{epsv, pasv, eprt, port};

TEST(DataMethod, BelongsToItsVerbInTheCommandTable) {
    for (const auto m : all) {
        SCOPED_TRACE(name(m));
        EXPECT_EQ(method_of(verb_of(m)), m);
        EXPECT_EQ(row_of(verb_of(m)).name, name(m));
        EXPECT_EQ(data_use_of(verb_of(m)), is_active(m) ? data_use::active : data_use::passive);
    }
    EXPECT_EQ(name(eprt), "EPRT");
    EXPECT_TRUE(only_ipv4(pasv) && only_ipv4(port));
    EXPECT_FALSE(only_ipv4(epsv) || only_ipv4(eprt));
}

TEST(DataMethod, IsFoundByItsName) {
    for (const auto m : all) EXPECT_EQ(method_named(name(m)), m);
    EXPECT_EQ(method_named("pasv"), pasv);
    for (const auto* other : {"", "SPSV", "RETR", "EPSV "}) EXPECT_EQ(method_named(other), std::nullopt) << other;
}

TEST(DataMethod, SetsHoldWhatWasPutIn) {
    method_set some;
    for (const auto m : all) EXPECT_FALSE(some.contains(m));
    some.insert(pasv);
    method_set more;
    more.insert(port);
    more.insert(some);
    for (const auto m : all) EXPECT_EQ(more.contains(m), m == pasv || m == port) << name(m);
}

}  // namespace
}  // namespace sallyport::proto
