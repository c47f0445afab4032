#include <sallyport/client/refusal.hpp>

#include <gtest/gtest.h>

#include <string>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {
namespace {

using proto::client_failure;
using proto::client_step;

refusal reason(std::string_view reply, client_step at = client_step::login, bool encrypted = false) {
    client_failure failed_step{
        at, {errc::rejected, 0, {}}, static_cast<int>(*parse_decimal(reply.substr(0, 3))), std::string(reply)};
    return reason_of(failed_step, encrypted);
}

TEST(refusal, servers_that_demand_TLS) {
    for (const auto* reply : {
             "530 Must use TLS first",
             "530 Non-anonymous sessions must use encryption.",
             "530 Anonymous sessions must use encryption.",
             "550 SSL/TLS required on the control channel",
             "421 Sorry, cleartext sessions and weak ciphers are not accepted on this server.",
             "534 Policy requires SSL.",
             "503 Use AUTH first.",
             "530 TLS is required; send AUTH TLS before USER.",
             "530 TLS is required; send AUTH TLS before USER.",
             "530 This server does not allow plain FTP. You have to use FTP over TLS.",
             "530 Please use a secure connection",
             "500 (AUTH-TLS) needed",
             "533 no",
         }) {
        EXPECT_EQ(reason(reply), refusal::needs_tls) << reply;
        EXPECT_EQ(reason(reply, client_step::login, true), refusal::other) << reply;
    }
    for (const auto* reply : {"521 Data connections must be encrypted; send PROT P.",
                              "522 SSL/TLS required on the data channel", "534 Protection level too low"})
        EXPECT_EQ(reason(reply, client_step::request), refusal::needs_tls) << reply;
}

TEST(refusal, servers_that_are_full) {
    for (const auto* reply : {
             "530 Sorry, the maximum number of clients (5) for this user are already connected.",
             "530 maximum number of users reached",
             "530 Too many users logged in for this account",
             "530 Too many connections from your address",
             "530 5 users (the maximum) are already logged in, sorry",
             "530 Maximum login limit has been reached.",
             "530 User limit reached",
             "530 Connection limit exceeded for this account",
             "530 Sorry, no more users allowed",
             "530 Login failed: too many simultaneous sessions",
             "500 Sorry, too many anonymous users",
             "530 The server is overloaded. Try again later.",
             "530 Only 2 sessions allowed, max. number of logins reached",
         }) {
        EXPECT_EQ(reason(reply), refusal::too_many) << reply;
        EXPECT_EQ(reason(reply, client_step::login, true), refusal::too_many) << reply;
        EXPECT_EQ(reason(reply, client_step::greeting), refusal::too_many) << reply;
    }
}

TEST(refusal, all_others) {
    for (const auto* reply : {
             "530 Login incorrect.",
             "530 Not logged in",
             "530 Too many failed logins",
             "530 Maximum login attempts exceeded",
             "530 Too many login failures",
             "530 Too many tries",
             "530 Invalid user name or password, try again later",
             "530 Maximum password age exceeded",
             "530 What a hassle",
             "530 ",
             "332 Maximum number of clients",
         })
        EXPECT_EQ(reason(reply), refusal::other) << reply;
    // A path may contain any word.
    for (const auto* reply :
         {"550 tls.txt: no such file", "550 maximum number of users.txt: permission denied", "553 ssl: not allowed"})
        EXPECT_EQ(reason(reply, client_step::request), refusal::other) << reply;
}

}  // namespace
}  // namespace sallyport::client
