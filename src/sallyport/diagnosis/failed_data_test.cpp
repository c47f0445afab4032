#include <sallyport/diagnosis/failed_data.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::diagnosis {
namespace {

using namespace std::chrono_literals;
using proto::data_method;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using enum data_failure;

struct row {
    data_failure how;
    data_method method;
    const char* address;
    std::chrono::milliseconds waited;
    const char* id;
    diagnosis::side side = side::undecided;
    confidence sure = confidence::possible;
    const char* client = "8.8.4.4";
};

failed_data facts_of(const row& r) {
    return {.how = r.how,
            .method = r.method,
            .peer = *ip_address::parse(r.client),
            .address = endpoint::parse(r.address),
            .waited = r.waited};
}

// S7: facts of a data connection at the server, and the id.
TEST(FailedData, S7_HasTheIdsOfTheRules) {
    for (const row& r : std::initializer_list<row>{
             {not_arrived, data_method::epsv, "9.9.9.9:50001", 30s, "data-ports-dropped"},
             {not_arrived, data_method::pasv, "9.9.9.9:50001", 30s, "data-ports-dropped"},
             {abandoned, data_method::pasv, "9.9.9.9:50001", 20s, "data-ports-dropped"},
             {abandoned, data_method::pasv, "9.9.9.9:50001", 40ms, "data-ports-refused"},
             {not_arrived, data_method::pasv, "192.168.1.5:50001", 30s, "private-address", side::server_config,
              confidence::likely},
             {abandoned, data_method::pasv, "192.168.1.5:50001", 40ms, "private-address", side::server_config,
              confidence::likely},
             {not_arrived, data_method::pasv, "172.17.0.2:50001", 30s, "container-address", side::server_config,
              confidence::likely},
             {not_arrived, data_method::pasv, "0.0.0.0:50001", 30s, "unspecified-address", side::server_config},
             // EPSV names no address, and a client of the same network can reach a private one.
             {not_arrived, data_method::epsv, "192.168.1.5:50001", 30s, "data-ports-dropped"},
             {not_arrived, data_method::pasv, "192.168.1.5:50001", 30s, "data-ports-dropped", side::undecided,
              confidence::possible, "192.168.1.77"},
             {unanswered, data_method::pasv, "9.9.9.9:50001", 30s, "data-ports-dropped", side::server, confidence::likely},
             {no_port, data_method::epsv, "", 0s, "passive-ports-used-up", side::server, confidence::likely},
             {refused, data_method::port, "8.8.4.4:4000", 40ms, "active-blocked", side::client, confidence::likely},
             {timed_out, data_method::eprt, "8.8.4.4:4000", 30s, "active-blocked"},
             {abandoned, data_method::eprt, "8.8.4.4:4000", 5s, "active-blocked"},
             {unreachable, data_method::port, "8.8.4.4:4000", 40ms, "active-blocked"},
             {cannot_bind, data_method::port, "8.8.4.4:4000", 0s, "server-cannot-bind", side::server, confidence::likely},
             {private_target, data_method::port, "192.168.1.77:4000", 0s, "active-private-address", side::client_config,
              confidence::likely},
             {not_resumed, data_method::epsv, "9.9.9.9:50001", 40ms, "tls-session-not-reused", side::undecided,
              confidence::likely},
         }) {
        const auto found = judge(facts_of(r));
        SCOPED_TRACE(std::string(name(r.method)) + " " + r.address + " " + r.id);
        EXPECT_EQ(found.id, r.id);
        EXPECT_EQ(found.side, r.side);
        EXPECT_EQ(found.confidence, r.sure);
        ASSERT_NE(explain(found.id), nullptr);
        EXPECT_EQ(found.cause, explain(found.id)->cause);
        EXPECT_EQ(found.remedy, explain(found.id)->remedy);
        // A server alone is never certain.
        EXPECT_NE(found.confidence, confidence::certain);
    }
}

TEST(FailedData, NamesOtherAddressesThatConnected) {
    auto seen = facts_of({not_arrived, data_method::epsv, "9.9.9.9:50001", 30s, ""});
    seen.others = {*ip_address::parse("8.8.4.5")};
    const auto found = judge(seen);
    EXPECT_EQ(found.id, "other-source-address");
    EXPECT_EQ(found.confidence, confidence::possible);
    EXPECT_THAT(log_line(seen, found), HasSubstr("other addresses that connected to the port: 8.8.4.5"));
}

// S7: the gateway is the client of its backends.
TEST(FailedData, S7_HasTheIdsOfTheRulesOnTheBackendLeg) {
    for (const row& r : std::initializer_list<row>{
             {refused, data_method::epsv, "10.0.0.5:50001", 0s, "data-ports-refused", side::server, confidence::likely},
             {timed_out, data_method::pasv, "10.0.0.5:50001", 30s, "data-ports-dropped"},
             {unreachable, data_method::epsv, "10.0.0.5:50001", 3s, "data-ports-rejected"},
             {not_arrived, data_method::port, "10.0.0.1:4000", 30s, "active-blocked"},
             {unanswered, data_method::eprt, "10.0.0.1:4000", 30s, "active-blocked", side::client, confidence::likely},
         }) {
        auto seen = facts_of(r);
        seen.on_backend_leg = true;
        const auto found = judge(seen);
        SCOPED_TRACE(std::string(name(r.method)) + " " + r.id);
        EXPECT_EQ(found.id, r.id);
        EXPECT_EQ(found.side, r.side);
        EXPECT_EQ(found.confidence, r.sure);
        EXPECT_NE(explain(found.id), nullptr);
    }
}

TEST(FailedData, S7_IsOneLineWithTheIdInBrackets) {
    auto seen = facts_of({not_arrived, data_method::epsv, "9.9.9.9:50001", 30s, ""});
    EXPECT_EQ(log_line(seen, judge(seen)),
              "Data connection failed [data-ports-dropped] EPSV 9.9.9.9:50001: no connection of 8.8.4.4 arrived within "
              "30.0 s. Possible cause, side undecided: The login works, but a firewall drops the data connections. Allow "
              "the server's passive port range in the firewalls of both sides.");
    seen = facts_of({refused, data_method::port, "8.8.4.4:4000", 40ms, ""});
    seen.detail = "with\nanother line";
    EXPECT_THAT(
        log_line(seen, judge(seen)),
        AllOf(StartsWith("Data connection failed [active-blocked] PORT 8.8.4.4:4000: refused after 0.0 s; with\\x0a"),
              HasSubstr("Likely cause, side client: "), Not(HasSubstr("\n"))));

    seen = facts_of({refused, data_method::epsv, "10.0.0.5:50001", 40ms, ""});
    seen.on_backend_leg = true;
    seen.transfer = "RETR a\nfile";
    EXPECT_THAT(log_line(seen, judge(seen)),
                StartsWith("Data connection failed [data-ports-refused] RETR a\\x0afile, backend leg, EPSV 10.0.0.5:50001: "
                           "refused after 0.0 s. Likely cause, side server: "));
}

}  // namespace
}  // namespace sallyport::diagnosis
