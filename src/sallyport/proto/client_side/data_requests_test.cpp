#include <sallyport/proto/client_side/data_requests.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

const ip_address public_client = *ip_address::parse("198.51.100.7");

[[nodiscard]] data_requests from(std::string_view client = "198.51.100.7") {
    return {*ip_address::parse(client), true, true};
}

/// "EPSV", "PORT 198.51.100.7:51201", "504", "504 bounce".
[[nodiscard]] std::string read(data_requests& requests, std::string_view line) {
    const auto got = requests.read(*parse_command(line));
    if (!got) return std::to_string(got.error().reply.code) + (got.error().bounce_attempt ? " bounce" : "");
    const std::string method(name(got->method));
    return is_active(got->method) ? method + ' ' + got->target.text() : method;
}

TEST(DataRequests, ReadTheFourMethods) {
    auto requests = from();
    EXPECT_EQ(read(requests, "PASV"), "PASV");
    EXPECT_EQ(read(requests, "EPSV"), "EPSV");
    EXPECT_EQ(read(requests, "EPSV 1"), "EPSV");
    EXPECT_EQ(read(requests, "PORT 198,51,100,7,200,1"), "PORT 198.51.100.7:51201");
    EXPECT_EQ(read(requests, "EPRT |1|198.51.100.7|51201|"), "EPRT 198.51.100.7:51201");
    auto v6 = from("fe80::7%3");
    EXPECT_EQ(read(v6, "EPSV 2"), "EPSV");
    const endpoint zoned(*ip_address::parse("fe80::7%3"), 51201);
    EXPECT_EQ(read(v6, "EPRT |2|fe80::7|51201|"), "EPRT " + zoned.text()) << "with the zone of the control connection";
}

TEST(DataRequests, RefuseWhatIsNoForm) {
    auto requests = from();
    for (const auto* line : {"PORT 1,2,3", "PORT 256,0,0,1,4,0", "EPRT x", "EPRT |1|198.51.100.7|99999|", "EPSV x"})
        EXPECT_EQ(read(requests, line), "501") << line;
    for (const auto* line : {"EPRT |3|198.51.100.7|51201|", "EPSV 2", "EPSV 3"})
        EXPECT_EQ(read(requests, line), "522") << line;
    auto v6 = from("2001:db8::7");
    EXPECT_EQ(read(v6, "EPSV 1"), "522");
}

// CVE-1999-0017 CVE-2001-0405 CVE-2002-0060 CVE-2007-6741 CVE-2015-10003 CVE-2022-2663.
TEST(DataRequests, RefuseOtherHostsAndLowPorts_DC01) {
    auto requests = from();
    for (const auto* line :
         {"PORT 203,0,113,9,200,1", "PORT 198,51,100,7,3,255", "EPRT |2|2001:db8::7|51201|", "PORT 192,168,1,2,7,138"})
        EXPECT_EQ(read(requests, line), "504 bounce") << line;
    const auto text = requests.read(*parse_command("PORT 192,168,1,2,7,138")).error().reply.text;
    EXPECT_NE(text.find("192.168.1.2 is a private address"), std::string::npos) << text;
    auto inside = from("192.168.1.7");
    const auto other = inside.read(*parse_command("PORT 192,168,1,2,7,138")).error().reply.text;
    EXPECT_EQ(other.find("private"), std::string::npos) << "both are in a private network";
}

TEST(DataRequests, KeepEpsvAll_DC06) {
    auto requests = from();
    EXPECT_EQ(read(requests, "EPSV ALL"), "200");
    EXPECT_TRUE(requests.epsv_all());
    for (const auto* line : {"PASV", "PORT 198,51,100,7,200,1", "PORT x", "EPRT |1|198.51.100.7|51201|"})
        EXPECT_EQ(read(requests, line), "501") << line;
    EXPECT_EQ(read(requests, "EPSV"), "EPSV");
}

TEST(DataRequests, RefuseAModeThatIsOff_S9) {
    data_requests no_passive(public_client, false, true);
    data_requests no_active(public_client, true, false);
    for (const auto* line : {"PASV", "EPSV", "EPSV ALL", "EPSV x"}) EXPECT_EQ(read(no_passive, line), "502") << line;
    EXPECT_FALSE(no_passive.epsv_all());
    EXPECT_EQ(read(no_passive, "PORT 198,51,100,7,200,1"), "PORT 198.51.100.7:51201");
    for (const auto* line : {"PORT 198,51,100,7,200,1", "EPRT x"}) EXPECT_EQ(read(no_active, line), "502") << line;
    EXPECT_EQ(read(no_active, "PASV"), "PASV");
}

TEST(DataRequests, AnswerWithThePortOrWhyThereIsNone) {
    const auto v4 = *endpoint::parse("10.0.0.1:50000");
    const auto v6 = *endpoint::parse("[2001:db8::1]:50000");
    EXPECT_EQ(passive_reply(data_method::pasv, v4).text, "Entering Passive Mode (10,0,0,1,195,80)");
    EXPECT_EQ(passive_reply(data_method::epsv, v6).text, "Entering Extended Passive Mode (|||50000|)");
    EXPECT_EQ(passive_reply(data_method::pasv, v6).code, 425);
    EXPECT_EQ(passive_reply(data_method::pasv, fail(errc::exhausted, "all ports 1-2 are reserved for 10.9.9.9")).text,
              "All passive ports are in use; try again later.")
        << "the client must not see who uses the ports";
    EXPECT_EQ(passive_reply(data_method::epsv, fail(errc::unresolved, "ftp.example.org")).code, 425);
    EXPECT_EQ(active_reply(data_method::eprt).text, "EPRT command successful.");
}

}  // namespace
}  // namespace sallyport::proto
