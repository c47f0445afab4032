// What is learned of a site from the attempts of its sessions, and what follows for the next ones.

#include <sallyport/client/site_facts.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::client {
namespace {

using ::testing::ElementsAre;
using enum proto::data_method;

proto::data_attempt attempt_with(proto::data_method method, bool worked) {
    proto::data_attempt out{.method = method, .target = {ip_address::v4({192, 0, 2, 1}), 5001}};
    if (!worked) out.failure = error{errc::timeout, 0, {}};
    return out;
}

TEST(client_site_facts, C2_the_method_that_worked_comes_first) {
    EXPECT_THAT(with_first({epsv, pasv, eprt, port}, eprt), ElementsAre(eprt, epsv, pasv, port));
    EXPECT_THAT(with_first({epsv, pasv, eprt, port}, epsv), ElementsAre(epsv, pasv, eprt, port));
    EXPECT_THAT(with_first({epsv, pasv}, std::nullopt), ElementsAre(epsv, pasv));
    EXPECT_THAT(with_first({epsv, pasv}, port), ElementsAre(epsv, pasv)) << "it is not permitted now";
}

TEST(client_site_facts, C2_the_method_that_worked_is_kept_and_one_that_failed_is_not) {
    EXPECT_EQ(method_after({}, {attempt_with(epsv, false), attempt_with(pasv, true)}), pasv);
    EXPECT_EQ(method_after(pasv, {attempt_with(pasv, false), attempt_with(epsv, true)}), epsv);
    EXPECT_EQ(method_after(pasv, {attempt_with(pasv, false), attempt_with(epsv, false)}), std::nullopt);
    EXPECT_EQ(method_after(pasv, {attempt_with(epsv, false)}), pasv) << "it was not tried";
    EXPECT_EQ(method_after(pasv, {}), pasv);
    EXPECT_EQ(method_after({}, {{.method = epsv}}), std::nullopt) << "the attempt has not ended";
}

}  // namespace
}  // namespace sallyport::client
