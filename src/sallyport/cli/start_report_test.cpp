#include <sallyport/cli/start_report.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t now = 1'800'000'000;  // 2027-01-15
constexpr std::int64_t day = 86'400;

machine_facts machine() {
    return {.now = now,
            .ephemeral = {32768, 60999},
            .reserved = {},
            .first_unprivileged = 1024,
            .can_bind_low = false,
            .descriptors = 500'000,
            .addresses = {*ip_address::parse("127.0.0.1"), *ip_address::parse("10.0.0.1")}};
}

report_input subject() {
    report_input out{.listen = {*endpoint::parse("0.0.0.0:21")}, .max_sessions = 20'000};
    out.data_connections.ports.range = {30000, 30099};
    out.passwords = true;
    out.logins = "Accounts: 2 with --user, 0 with --reader";
    return out;
}

std::vector<std::string> warnings(const report_input& s, const machine_facts& m = machine()) {
    return make_report(s, m).warnings;
}

TEST(StartReport, SaysThatSettingsOfTheSystemAreNotReadable) {
    auto hidden = machine();
    hidden.ephemeral = {};
    EXPECT_THAT(make_report(subject(), hidden).facts, testing::Contains(testing::HasSubstr("not readable")));
    EXPECT_THAT(make_report(subject(), machine()).facts,
                testing::Not(testing::Contains(testing::HasSubstr("not readable"))));
}

TEST(StartReport, NamesListenersPortsAddressesAccountsAndFirewall) {
    auto s = subject();
    s.listen_tls = {*endpoint::parse("0.0.0.0:990")};
    s.certificates = {{"/etc/cert.pem", {"ftp.example.org"}, now + 100 * day}};
    s.data_connections.addresses = {*reach::address_rule::parse("10.0.0.0/8=client-destination"),
                                    *reach::address_rule::parse("203.0.113.7")};
    const auto report = make_report(s, machine());
    EXPECT_THAT(
        report.facts,
        ElementsAre("Listener 0.0.0.0:21: plain FTP and explicit TLS", "Listener 0.0.0.0:990: implicit TLS",
                    "Certificate /etc/cert.pem: for ftp.example.org, valid until 2027-04-25", "Passive ports: 30000-30099",
                    "Address advertised to clients in 10.0.0.0/8: the one that they connect to",
                    "Address advertised to clients: 203.0.113.7", "Accounts: 2 with --user, 0 with --reader",
                    "A firewall must let in: TCP 21, 990, 30000-30099"));
    EXPECT_THAT(report.warnings, IsEmpty());
}

TEST(StartReport, ACertificateNearItsEndIsAWarning) {
    auto s = subject();
    const auto after = [&](std::int64_t seconds) {
        s.certificates = {{"c.pem", {"a"}, now + seconds}};
        return warnings(s);
    };
    EXPECT_THAT(after(31 * day), IsEmpty());
    EXPECT_THAT(after(30 * day), ElementsAre(HasSubstr("c.pem expires in 30 days, on 2027-02-14; renew it, the")));
    EXPECT_THAT(after(7 * day), ElementsAre(HasSubstr("expires in 7 days")));
    EXPECT_THAT(after(7 * day), ElementsAre(HasSubstr("; renew it now, the changed file is read")));
    EXPECT_THAT(after(day / 2), ElementsAre(HasSubstr("expires within two days")));
    EXPECT_THAT(after(0), ElementsAre(HasSubstr("has expired on 2027-01-15")));
    EXPECT_THAT(after(-1), ElementsAre(HasSubstr("has expired")));
}

TEST(StartReport, UnencryptedPasswordsOnAPublicAddressAreAWarning) {
    auto s = subject();
    auto m = machine();
    m.addresses.push_back(*ip_address::parse("8.8.8.8"));
    EXPECT_THAT(warnings(s, m), ElementsAre(HasSubstr("8.8.8.8 is a public address")));
    EXPECT_THAT(warnings(s, m), ElementsAre(HasSubstr("--tls-cert")));
    s.listen = {*endpoint::parse("8.8.4.4:21")};
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("8.8.4.4 is a public address")));
    for (const auto& better :
         {+[](report_input& x) { x.tls_required = true; }, +[](report_input& x) { x.passwords = false; },
          +[](report_input& x) { x.listen = {*endpoint::parse("10.0.0.1:21")}; },
          +[](report_input& x) { x.listen = {*endpoint::parse("127.0.0.1:21")}; },
          +[](report_input& x) { x.listen.clear(); }, +[](report_input& x) { x.tls_passthrough = true; }}) {
        auto good = s;
        better(good);
        EXPECT_THAT(warnings(good, m), IsEmpty());
    }
}

TEST(StartReport, ARangeAmongTheEphemeralPortsIsAWarning) {
    auto s = subject();
    s.data_connections.ports.range = {50000, 50099};
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("50000-50099 overlap the ephemeral port range 32768-60999")));
    s.data_connections.ports.range = {32700, 32768};
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("30000-30099")));
    auto m = machine();
    m.reserved = parse_port_list("8080,32768-32800");
    EXPECT_THAT(warnings(s, m), IsEmpty());
    s.data_connections.ports.range = {32700, 32767};
    EXPECT_THAT(warnings(s), IsEmpty());
    s.data_connections.ports.range = {50000, 50099};
    s.passive = false;
    EXPECT_THAT(warnings(s), IsEmpty());
}

TEST(StartReport, OtherWarningsNameTheRemedy) {
    auto s = subject();
    s.max_sessions = 250'000;
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("raise LimitNOFILE=")));
    s.max_sessions = 0;
    s.exposed = {{"/etc/key.pem", "Private key"}};
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("chmod o-rwx /etc/key.pem")));
    s.exposed.clear();
    s.unwritable = "/srv/files";
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("/srv/files is not writable")));
    s.unwritable.clear();
    s.data_connections.ports.range = {1000, 1100};
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("can't listen on those below 1024")));
}

TEST(StartReport, WithoutARangeTheFirewallMustLetInAllThatTheSystemGives) {
    auto s = subject();
    s.data_connections.ports.range = {};
    EXPECT_THAT(make_report(s, machine()).facts, Contains(HasSubstr("TCP 21, 32768-60999")));
    s.data_connections.single.control = true;
    EXPECT_THAT(make_report(s, machine()).facts, Contains("A firewall must let in: TCP 21"));
    EXPECT_THAT(make_report(s, machine()).facts, Contains("Passive ports: the control port itself"));
    s.passive = false;
    EXPECT_THAT(make_report(s, machine()).facts, Contains("A firewall must let in: TCP 21"));
}

TEST(StartReport, PortsOfTheSystemsChoiceAreNamedAsTheyAre) {
    auto s = subject();
    s.listen = {*endpoint::parse("127.0.0.1:0")};
    s.listen_tls = {*endpoint::parse("127.0.0.1:0")};
    const auto real = with_listeners(s, {*endpoint::parse("127.0.0.1:5001"), *endpoint::parse("127.0.0.1:5002")});
    EXPECT_EQ(real.listen.front().port, 5001);
    EXPECT_EQ(real.listen_tls.front().port, 5002);
}

TEST(StartReport, ARangeThatCannotBeBoundIsRefused) {
    const auto why = [](port_range range, bool can_bind_low) {
        auto m = machine();
        m.can_bind_low = can_bind_low;
        return unusable_range(range, m);
    };
    EXPECT_THAT(why({100, 200}, false), HasSubstr("below 1024"));
    EXPECT_EQ(why({100, 200}, true), "");
    EXPECT_EQ(why({1000, 1100}, false), "");
    EXPECT_EQ(why({65535, 65535}, false), "");
    EXPECT_EQ(why({0, 0}, false), "");
}

TEST(StartReport, ARangeOfAlgPortsAloneIsAWarning) {
    auto s = subject();
    s.data_connections.ports.range = {5060, 5061};
    EXPECT_THAT(warnings(s), ElementsAre(HasSubstr("--use-alg-ports")));
    s.data_connections.ports.use_alg_ports = true;
    EXPECT_THAT(warnings(s), IsEmpty());
    s.data_connections.ports.use_alg_ports = false;
    s.data_connections.ports.range = {5060, 5062};
    EXPECT_THAT(warnings(s), IsEmpty());
}

}  // namespace
}  // namespace sallyport::cli
