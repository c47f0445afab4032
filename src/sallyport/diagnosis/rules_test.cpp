#include <sallyport/diagnosis/rules.hpp>

#include <algorithm>
#include <set>

#include <sallyport/base/small_file.hpp>
#include <sallyport/diagnosis/server_rules.hpp>
#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using proto::data_method;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

facts healthy(bool tls = false) {
    auto out = opened_session();
    for (const auto m : {data_method::epsv, data_method::pasv}) out.methods.push_back(attempt(m, method_result::ok, tls));
    return out;
}

facts with(std::initializer_list<method_facts> methods) {
    auto out = opened_session();
    out.methods = methods;
    return out;
}

verdict only(const facts& known) {
    const auto found = judge(known);
    EXPECT_EQ(found.size(), 1) << testing::PrintToString(ids(found));
    return found.empty() ? verdict{} : found.front();
}

TEST(rules, ids_are_unique_and_explained) {
    std::set<std::string_view> seen;
    for (const auto& each : rules()) {
        EXPECT_TRUE(seen.insert(each.about.id).second) << each.about.id;
        EXPECT_EQ(explain(each.about.id)->cause, each.about.cause);
        for (const auto text :
             {each.about.cause, each.about.needs, each.about.excludes, each.about.looks_alike, each.about.remedy})
            EXPECT_FALSE(text.empty()) << each.about.id;
    }
    EXPECT_EQ(explain("no-such-id"), nullptr);
}

TEST(rules, the_page_has_every_id) {
    const auto page = read_small_file(SALLYPORT_DOCTOR_PAGE);
    ASSERT_TRUE(page) << page.error().text();
    for (const auto& each : rules())
        EXPECT_THAT(*page,
                    testing::HasSubstr("| `" + std::string(each.about.id) + "` | " + std::string(each.about.cause) + " |"));
    for (const auto& each : server_explanations())
        EXPECT_THAT(*page, testing::HasSubstr("| `" + std::string(each.id) + "` | " + std::string(each.cause) + " |"));
}

TEST(rules, no_alarm_on_healthy_sessions) {
    for (const bool tls : {false, true}) {
        const auto known = healthy(tls);
        EXPECT_THAT(judge(known), IsEmpty());
        EXPECT_EQ(overall_of(known, {}), overall::healthy);
    }
}

// A client behind NAT cannot use active mode, and needs it for nothing if passive mode works.
TEST(rules, active_mode_that_fails_is_a_note_if_passive_works) {
    auto known = healthy();
    known.methods.push_back(attempt(data_method::port, method_result::silent));
    const auto found = only(known);
    EXPECT_EQ(found.id, "active-blocked");
    EXPECT_EQ(found.severity, severity::note);
    EXPECT_EQ(overall_of(known, {found}), overall::healthy);
}

facts with_227(std::string_view named, std::optional<method_result> there, method_result at_peer) {
    auto pasv = attempt(data_method::pasv, at_peer);
    pasv.advertised = endpoint{address(named), 50000};
    pasv.other_address = there;
    if (at_peer == method_result::ok && there && *there != method_result::ok) {
        pasv.result = method_result::wrong_address;
        pasv.target = pasv.advertised;
        pasv.other_address = method_result::ok;
    }
    auto known = with({attempt(data_method::epsv, method_result::ok), pasv});
    return known;
}

// Symptoms 1 to 4.
TEST(rules, addresses_of_227) {
    const auto id = [](std::string_view named) {
        return only(with_227(named, method_result::silent, method_result::ok)).id;
    };
    EXPECT_EQ(id("10.1.2.3"), "private-address");
    EXPECT_EQ(id("172.18.0.2"), "container-address");
    EXPECT_EQ(id("198.51.100.99"), "other-public-address");
    EXPECT_EQ(id("0.0.0.0"), "unspecified-address");
    const auto found = only(with_227("10.1.2.3", method_result::silent, method_result::ok));
    EXPECT_EQ(found.confidence, confidence::certain);
    EXPECT_EQ(found.side, side::server_config);
}

TEST(rules, a_private_address_that_can_be_reached_is_right) {
    EXPECT_THAT(judge(with_227("10.1.2.3", method_result::ok, method_result::ok)), IsEmpty());
}

// As in a transcript, where the address of the peer was not tried.
TEST(rules, a_wrong_address_is_the_only_cause_of_its_failure) {
    auto pasv = attempt(data_method::pasv, method_result::silent);
    pasv.advertised = pasv.target = endpoint{address("10.1.2.3"), 50000};
    EXPECT_EQ(only(with({pasv})).id, "private-address");
    EXPECT_EQ(only(with({attempt(data_method::epsv, method_result::ok), pasv})).id, "private-address");
    EXPECT_THAT(ids(judge(with({attempt(data_method::epsv, method_result::silent), pasv}))), Contains("data-ports-dropped"));
}

// Symptom 34.
TEST(rules, tunnel_of_the_control_port) {
    auto known = with_227("10.1.2.3", method_result::silent, method_result::refused);
    known.server.address = address("127.0.0.1");
    known.methods[0].result = method_result::refused;
    EXPECT_EQ(only(known).id, "only-control-tunnelled");
    EXPECT_EQ(only(known).side, side::client_config);
    known.methods[1].advertised = endpoint{address("203.0.113.9"), 50000};
    EXPECT_EQ(only(known).id, "only-control-tunnelled");
    known.methods[1].result = known.methods[0].result = method_result::ok;
    EXPECT_THAT(ids(judge(known)), testing::Not(Contains("only-control-tunnelled")));
}

// Symptom 33.
TEST(rules, a_client_that_ignores_a_right_address) {
    auto known = with_227("10.1.2.3", method_result::ok, method_result::silent);
    known.methods.front().result = method_result::silent;
    EXPECT_EQ(only(known).id, "client-override");
    // This one follows the 227.
    known.methods.back().result = method_result::ok;
    known.methods.back().target = known.methods.back().advertised;
    known.methods.back().other_address = method_result::refused;
    known.methods.front().result = method_result::ok;
    EXPECT_THAT(judge(known), IsEmpty());
}

// Symptom 5, without and with a path.
TEST(rules, blocked_ports) {
    for (const auto& [result, id] :
         {std::pair{method_result::silent, "data-ports-dropped"}, std::pair{method_result::refused, "data-ports-refused"},
          std::pair{method_result::unreachable, "data-ports-rejected"}}) {
        auto known = with({attempt(data_method::epsv, result), attempt(data_method::pasv, result)});
        auto found = only(known);
        EXPECT_EQ(found.id, id);
        EXPECT_EQ(found.side, side::undecided);
        EXPECT_EQ(found.confidence, confidence::possible);
        EXPECT_EQ(overall_of(known, {found}), overall::broken);
    }
    auto known =
        with({attempt(data_method::epsv, method_result::silent), attempt(data_method::pasv, method_result::silent)});
    known.traces = {control_trace(), trace_to(false, 1)};
    const auto found = only(known);
    EXPECT_EQ(found.side, side::client);
    EXPECT_EQ(found.hop->first, 1);
}

TEST(rules, silence_after_the_last_hop_accuses_neither_side) {
    auto known = with({attempt(data_method::epsv, method_result::silent)});
    known.traces = {control_trace(), trace_to(false, 4)};
    const auto found = only(known);
    EXPECT_EQ(found.side, side::undecided);
    EXPECT_NE(found.confidence, confidence::certain);
    EXPECT_NE(found.remedy.find("doctor --server"), std::string::npos);
}

// Symptom 10.
TEST(rules, helper_that_cannot_read_tls) {
    const auto known = with(
        {attempt(data_method::epsv, method_result::silent, true), attempt(data_method::epsv, method_result::ok, false)});
    EXPECT_EQ(only(known).id, "helper-blind");
    const auto blocked = with(
        {attempt(data_method::epsv, method_result::silent, true), attempt(data_method::epsv, method_result::silent, false)});
    EXPECT_EQ(only(blocked).id, "data-ports-dropped");
}

TEST(rules, helper_found_by_half_a_line) {
    auto known = healthy();
    known.traces = {control_trace()};
    line_probe half_port{"half PORT", {}};
    line_probe half_line{"half line", {}};
    for (unsigned ttl = 1; ttl <= 4; ++ttl) {
        half_port.answers.push_back({ttl, false, ttl == 1});
        half_line.answers.push_back({ttl, false, true});
    }
    known.lines = {half_port, half_line};
    const auto found = only(known);
    EXPECT_EQ(found.id, "helper-present");
    EXPECT_EQ(found.severity, severity::note);
    EXPECT_EQ(found.hop->first, 1);
    known.lines.back().answers = half_port.answers;
    EXPECT_THAT(judge(known), IsEmpty());
}

/// Held back after `first`; or never, with 0.
line_probe half_line_held_after(std::string name, unsigned first) {
    line_probe out{std::move(name), {}};
    if (first == 0) out.answers = {{test_distance, true, false}};
    for (unsigned ttl = 1; first != 0 && ttl <= test_distance; ++ttl) out.answers.push_back({ttl, false, ttl <= first});
    return out;
}

// Symptom 20.
TEST(rules, helper_that_follows_port_21_only) {
    auto known = with({attempt(data_method::epsv, method_result::silent)});
    known.server.port = 2121;
    known.traces = {control_trace(), trace_to(false, 1)};
    known.lines = {half_line_held_after("half PORT on port 21", 1), half_line_held_after("half line on port 21", 0),
                   half_line_held_after("half PORT", 0)};
    const auto found = only(known);
    EXPECT_EQ(found.id, "helper-other-port");
    EXPECT_EQ(found.side, side::client);
    EXPECT_EQ(found.hop->first, 1);

    auto breaks_elsewhere = known;
    breaks_elsewhere.traces.back() = trace_to(false, 3);
    EXPECT_EQ(only(breaks_elsewhere).id, "data-ports-dropped");
    auto holds_every_line = known;
    holds_every_line.lines[1] = half_line_held_after("half line on port 21", 1);
    EXPECT_EQ(only(holds_every_line).id, "data-ports-dropped");
    auto follows_both = known;
    follows_both.lines[2] = half_line_held_after("half PORT", 1);
    EXPECT_THAT(ids(judge(follows_both)), ElementsAre("data-ports-dropped", "helper-present"));
    auto works = known;
    works.methods = {attempt(data_method::epsv, method_result::ok)};
    EXPECT_THAT(judge(works), IsEmpty());
}

// Symptom 12.
TEST(rules, epsv_without_a_reply) {
    auto epsv = attempt(data_method::epsv, method_result::verb_dropped);
    EXPECT_EQ(only(with({epsv, attempt(data_method::pasv, method_result::ok)})).confidence, confidence::likely);
    epsv.acknowledged = true;
    EXPECT_EQ(only(with({epsv, attempt(data_method::pasv, method_result::ok)})).confidence, confidence::possible);
    epsv.acknowledged = false;
    const auto found = only(with({epsv, attempt(data_method::pasv, method_result::ok)}));
    EXPECT_EQ(found.id, "epsv-dropped");
    EXPECT_EQ(found.confidence, confidence::likely);
    EXPECT_EQ(found.side, side::undecided);
    auto pasv = attempt(data_method::pasv, method_result::verb_refused);
    pasv.reply = "502 no";
    EXPECT_EQ(only(with({epsv, pasv})).id, "command-unanswered");
}

method_facts refused(data_method m, int code, std::string reply, method_result result = method_result::verb_refused) {
    auto out = attempt(m, result);
    out.reply_code = code;
    out.reply = std::move(reply);
    return out;
}

// Symptoms 16, 17, 18, 21, 25, 37.
TEST(rules, replies) {
    EXPECT_EQ(only(with({refused(data_method::port, 500, "500 Illegal PORT command.")})).id, "active-private-address");
    const auto refused_connection = refused(data_method::port, 425, "425 Connection refused", method_result::refused);
    const auto blocked = only(with({refused_connection}));
    EXPECT_EQ(blocked.id, "active-blocked");
    EXPECT_EQ(blocked.side, side::client);
    EXPECT_THAT(ids(judge(with(
                    {refused(data_method::eprt, 501, "501 Syntax error"), attempt(data_method::port, method_result::ok)}))),
                Contains("eprt-refused"));
    EXPECT_EQ(
        only(with({refused(data_method::pasv, 425, "425 Security: Bad IP connecting.", method_result::wrong_peer)})).id,
        "other-source-address");
    auto resumed =
        refused(data_method::epsv, 522, "522 SSL connection failed: session reuse required", method_result::failed);
    resumed.tls = true;
    EXPECT_EQ(only(with({resumed})).id, "tls-session-not-reused");
    auto malformed = refused(data_method::pasv, 227, "227 Entering Passive Mode (ftp.example.org,1,2)");
    malformed.malformed = "no address in the reply";
    EXPECT_EQ(only(with({malformed})).id, "malformed-reply");
    EXPECT_EQ(only(with({malformed})).confidence, confidence::likely);
    malformed.tls = true;
    EXPECT_EQ(only(with({malformed})).confidence, confidence::certain);
}

// Symptom 39.
TEST(rules, server_without_a_port_for_active_mode) {
    const auto bound =
        refused(data_method::port, 425, "425 Can't open data connection: Address already in use", method_result::silent);
    EXPECT_EQ(only(with({bound})).id, "server-cannot-bind");
    EXPECT_EQ(only(with({bound})).severity, severity::problem);
    EXPECT_EQ(only(with({attempt(data_method::epsv, method_result::ok), bound})).severity, severity::note);
    const auto passive = refused(data_method::epsv, 425, "425 Address already in use", method_result::silent);
    EXPECT_NE(only(with({passive})).id, "server-cannot-bind");
    const auto other = refused(data_method::port, 425, "425 Connection timed out", method_result::silent);
    EXPECT_EQ(only(with({other})).id, "active-blocked");
}

// Symptom 27.
TEST(rules, stream_without_close_notify) {
    auto known = healthy(true);
    known.methods[0].end = stream_end::clean;
    EXPECT_THAT(judge(known), IsEmpty());
    known.methods[0].end = stream_end::truncated;
    EXPECT_EQ(only(known).id, "no-close-notify");
    EXPECT_EQ(only(known).severity, severity::note);
    known.methods[0].result = method_result::failed;
    EXPECT_EQ(only(known).severity, severity::problem);
}

TEST(rules, refused_passive_mode) {
    const auto epsv = refused(data_method::epsv, 502, "502 no");
    const auto pasv = refused(data_method::pasv, 502, "502 no");
    const auto known = with({epsv, pasv, attempt(data_method::port, method_result::ok)});
    EXPECT_EQ(only(known).id, "passive-refused");
    EXPECT_EQ(overall_of(known, judge(known)), overall::impaired);
    EXPECT_EQ(only(with({pasv, attempt(data_method::port, method_result::ok)})).id, "passive-refused");
    EXPECT_EQ(only(with({epsv, pasv})).id, "data-methods-refused");
    const auto note = only(with({epsv, attempt(data_method::pasv, method_result::ok)}));
    EXPECT_EQ(note.id, "epsv-refused");
    EXPECT_EQ(note.severity, severity::note);
    EXPECT_NE(note.remedy.find("where PASV works"), std::string::npos);
    const auto alone = only(with({epsv, attempt(data_method::port, method_result::ok)}));
    EXPECT_EQ(alone.severity, severity::problem);
    EXPECT_EQ(alone.remedy.find("where PASV works"), std::string::npos);
}

// Symptom 15.
TEST(rules, clients_with_ipv6_only) {
    auto known = with({refused(data_method::epsv, 500, "500 EPSV not understood")});
    known.server.address = address("64:ff9b::192.0.2.7");
    known.translated_server = address("192.0.2.7");
    EXPECT_EQ(only(known).id, "nat64-without-epsv");
    EXPECT_EQ(overall_of(known, judge(known)), overall::broken);
    known.methods.push_back(refused(data_method::eprt, 522, "522 use (1)"));
    known.methods.back().target = endpoint{address("2001:db8::2"), 50000};
    EXPECT_EQ(only(known).id, "nat64-without-epsv");
    known.methods = {attempt(data_method::epsv, method_result::verb_dropped)};
    EXPECT_EQ(only(known).id, "nat64-without-epsv");
    known.methods = {attempt(data_method::epsv, method_result::ok)};
    EXPECT_THAT(judge(known), IsEmpty());
    known.methods = {refused(data_method::epsv, 500, "500 EPSV not understood")};
    known.translated_server.reset();
    EXPECT_EQ(only(known).id, "data-methods-refused");
}

TEST(rules, refused_listings_are_no_firewall) {
    constexpr auto reply = "550 /nodir: No such file or directory.";
    std::vector<method_facts> all;
    for (const auto m : {data_method::epsv, data_method::pasv, data_method::eprt, data_method::port})
        all.push_back(refused(m, 550, reply, method_result::listing_refused));
    auto known = with({});
    known.methods = all;
    const auto found = only(known);
    EXPECT_EQ(found.id, "listing-refused");
    EXPECT_EQ(found.cause, "The path does not exist on the server.");
    EXPECT_EQ(overall_of(known, {found}), overall::impaired);
    known.methods = {refused(data_method::port, 550, "550 no", method_result::listing_refused)};
    EXPECT_EQ(only(known).confidence, confidence::likely);
}

// Symptoms 6 and 24.
TEST(rules, rounds_by_port_and_by_chance) {
    auto by_port = healthy();
    for (std::uint16_t port = 50000; port < 50010; ++port)
        for (int i = 0; i < 2; ++i)
            by_port.rounds.push_back(
                {data_method::epsv, port, port < 50005 ? method_result::ok : method_result::silent, {}});
    EXPECT_EQ(only(by_port).id, "some-ports-blocked");
    EXPECT_EQ(only(by_port).confidence, confidence::likely);
    auto by_chance = healthy();
    for (std::uint16_t port = 50000; port < 50010; ++port)
        by_chance.rounds.push_back(
            {data_method::epsv, port, port % 2 == 0 ? method_result::ok : method_result::refused, {}});
    EXPECT_EQ(only(by_chance).id, "fails-by-chance");
}

// Symptom 28.
TEST(rules, silent_sessions) {
    auto known = healthy();
    known.traces = {control_trace()};
    known.idle = {{60, "silent", "alive", {}}, {300, "silent", "no answer", 2}, {300, "keepalive", "alive", {}}};
    const auto found = only(known);
    EXPECT_EQ(found.id, "idle-timeout");
    EXPECT_EQ(found.side, side::between);
    EXPECT_NE(found.remedy.find("30 s"), std::string::npos);
    known.idle = {{60, "silent", "alive", {}}, {300, "silent", "closed", {}}};
    EXPECT_EQ(only(known).id, "server-idle-timeout");
    // The server's own end excludes a device.
    known.idle = {{2, "silent", "alive", {}}, {4, "silent", "closed", {}}, {8, "silent", "reset", {}}};
    EXPECT_EQ(only(known).id, "server-idle-timeout");
    known.idle = {{8, "silent", "reset", {}}, {8, "keepalive", "closed", {}}};
    EXPECT_THAT(judge(known), IsEmpty());
}

TEST(rules, steps_before_the_data_connection) {
    const auto id = [](std::string_view name, std::string_view error, int code, std::string_view detail) {
        facts known;
        known.phases = {{std::string(name), false, 1, std::string(error), code, std::string(detail)}};
        EXPECT_EQ(overall_of(known, judge(known)), overall::broken);
        return only(known).id;
    };
    EXPECT_EQ(id("resolve", "unresolved", 0, ""), "host-not-found");
    EXPECT_EQ(id("resolve", "usage", 0, "127.0.0.1 has no IPv6 address"), "no-address-of-family");
    EXPECT_EQ(id("connect", "refused", 0, ""), "control-port-refused");
    EXPECT_EQ(id("connect", "timeout", 0, ""), "control-port-silent");
    EXPECT_EQ(id("connect", "unreachable", 0, ""), "control-port-unreachable");
    EXPECT_EQ(id("greeting", "timeout", 0, ""), "no-greeting");
    EXPECT_EQ(id("greeting", "rejected", 421, "421 Too many users"), "server-busy");
    EXPECT_EQ(id("login", "login_refused", 421, "421 No FTP server is available; try again later."), "session-refused");
    EXPECT_EQ(id("greeting", "rejected", 554, "554 not from here"), "session-refused");
    EXPECT_EQ(id("login", "login_refused", 500, "500 OOPS: vsftpd: refusing to run with writable root inside chroot()"),
              "server-fault");
    EXPECT_EQ(id("greeting", "rejected", 500, "500 OOPS: bad bool value in config file for: listen"), "server-fault");
    EXPECT_EQ(id("transfer", "", 0, "sallyport get: getting /x from 192.0.2.1:21: 550 no such file"), "transfer-failed");
    EXPECT_EQ(id("tls", "tls_untrusted", 0, ""), "certificate-untrusted");
    EXPECT_EQ(id("tls", "tls_untrusted", 0, "the certificate of h is not trusted: hostname mismatch"),
              "certificate-other-name");
    EXPECT_EQ(id("tls", "unsupported", 502, ""), "tls-missing");
    EXPECT_EQ(id("tls", "tls", 0, ""), "tls-failed");
    EXPECT_EQ(id("login", "login_refused", 530, "530 Login incorrect"), "login-refused");
    EXPECT_EQ(id("login", "timeout", 0, ""), "login-unanswered");
}

// Symptom 23.
TEST(rules, greeting_after_a_proxy_header) {
    facts known;
    known.phases = {{"greeting", false, 1, "timeout", 0, "no greeting"}};
    known.greeted_after_proxy_header = false;
    EXPECT_EQ(only(known).id, "no-greeting");
    known.greeted_after_proxy_header = true;
    EXPECT_EQ(only(known).id, "proxy-header-expected");
    EXPECT_EQ(only(known).confidence, confidence::certain);
}

// Symptom 32.
TEST(rules, hairpin) {
    auto known = with({attempt(data_method::epsv, method_result::refused)});
    auto control = trace_to(true, 1, hop_answer::opened, 2);
    auto data = trace_to(false, 0, hop_answer::refused, 1);
    data.reply_ttl = 64;
    known.traces = {control, data};
    // A firewall at the entry of the router looks the same.
    EXPECT_THAT(ids(judge(known)), ElementsAre("hairpin", "data-ports-refused"));
    for (const auto& found : judge(known)) EXPECT_EQ(found.confidence, confidence::possible) << found.id;
    // That of its forward chain does not.
    known.traces[1] = trace_to(false, 1, hop_answer::refused, 2);
    known.traces[1].reply_ttl = 64;
    EXPECT_EQ(only(known).id, "data-ports-refused");
    EXPECT_EQ(only(known).side, side::client);
    known.traces[1] = data;
    known.client.address = address("198.51.100.99");
    EXPECT_EQ(only(known).id, "data-ports-refused");
}

// Symptom 11.
TEST(rules, garbled_auth) {
    facts known;
    known.features = {"AUTH TLS", "UTF8"};
    known.phases = {{"tls", false, 1, "unsupported", 530, "530 Please login with USER and PASS."}};
    EXPECT_EQ(only(known).id, "auth-garbled");
    known.features = {"UTF8"};
    EXPECT_EQ(only(known).id, "tls-missing");
    EXPECT_EQ(only(known).confidence, confidence::certain);
    known.features.clear();
    EXPECT_EQ(only(known).confidence, confidence::likely);
}

TEST(rules, refused_protection_of_data_connections) {
    facts known;
    known.features = {"AUTH TLS"};
    known.phases = {{"tls", false, 1, "rejected", 534, "the server requires encrypted data connections: 534 PROT P only."}};
    EXPECT_EQ(only(known).id, "data-tls-required");
    EXPECT_EQ(only(known).side, side::client_config);
    known.phases.front().detail = "the server does not encrypt data connections: 536 no";
    EXPECT_EQ(only(known).id, "data-tls-refused");
    auto listing = refused(data_method::epsv, 521, "521 Data connections must be encrypted.", method_result::failed);
    listing.tls = true;
    EXPECT_EQ(only(with({listing})).id, "data-tls-required");
}

TEST(rules, login_that_requires_tls) {
    facts known;
    for (const auto& [code, text] : {std::pair{530, "530 TLS is required; send AUTH TLS before USER."},
                                     std::pair{530, "530 Non-anonymous sessions must use encryption."},
                                     std::pair{421, "421 Sorry, cleartext sessions are not accepted on this server."}}) {
        known.tls_mode = "none";
        known.phases = {{"login", false, 1, "login_refused", code, text}};
        EXPECT_EQ(only(known).id, "tls-required") << text;
        EXPECT_NE(only(known).remedy.find("ftpes://"), std::string::npos);
        known.tls_mode = "explicit";
        EXPECT_EQ(only(known).id, code == 421 ? "session-refused" : "login-refused") << text;
    }
}

TEST(rules, problems_come_before_notes) {
    auto known = with_227("10.1.2.3", method_result::silent, method_result::ok);
    known.methods.push_back(attempt(data_method::port, method_result::silent));
    EXPECT_THAT(ids(judge(known)), ElementsAre("private-address", "active-blocked"));
    EXPECT_EQ(overall_of(known, judge(known)), overall::impaired);
}

}  // namespace
}  // namespace sallyport::diagnosis
