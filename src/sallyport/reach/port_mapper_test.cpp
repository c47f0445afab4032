#include <sallyport/reach/port_mapper.hpp>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;
using enum mapping_protocol;

const ip_address own = *ip_address::parse("192.168.77.10");
const ip_address outside = *ip_address::parse("5.9.1.1");
const default_route route{.gateway = *ip_address::parse("192.168.77.1"), .own = own, .interface = "eth0"};
constexpr pcp_nonce nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/// A machine with a clock and a router that is played by hand.
class mapper {
public:
    explicit mapper(std::vector<std::uint16_t> ports = {21, 30000, 30001},
                    std::vector<mapping_protocol> protocols = {pcp, natpmp, upnp})
        : machine({.protocols = std::move(protocols), .lease = 3600s, .nonce = nonce}, ports) {
        machine.set_route(route, now);
        collect();
    }

    void collect() {
        for (auto& action : machine.take_actions()) {
            if (auto* const s = std::get_if<send_to_router>(&action)) sent.push_back(std::move(s->bytes));
            if (auto* const l = std::get_if<report_line>(&action)) lines.push_back(std::move(l->text));
            if (std::holds_alternative<search_upnp>(action)) ++searches;
            if (auto* const a = std::get_if<add_upnp_mapping>(&action)) adds.push_back(*a);
            if (auto* const r = std::get_if<remove_upnp_mapping>(&action)) removes.push_back(*r);
        }
    }
    void pass(std::chrono::milliseconds time) {
        for (const auto end = now + time; now < end;) {
            now = std::clamp(machine.next_timeout(), now + 1ms, end);
            machine.tick(now);
            collect();
        }
    }
    void receive(const datagram& bytes) {
        machine.receive(bytes, now);
        collect();
    }
    [[nodiscard]] std::uint32_t epoch() const { return started + static_cast<std::uint32_t>((now - begin) / 1s); }
    [[nodiscard]] datagram pcp_header(std::uint8_t opcode, std::uint8_t code, std::uint32_t lifetime) const {
        datagram out{2, static_cast<std::uint8_t>(0x80U | opcode), 0, code};
        append_u32(out, lifetime);
        append_u32(out, epoch());
        out.insert(out.end(), 12, 0);
        return out;
    }
    /// What a router with PCP answers.
    [[nodiscard]] datagram pcp_answer(const datagram& request, std::uint8_t code = 0, std::uint32_t lifetime = 3600,
                                      std::optional<std::uint16_t> port = {}) const {
        const datagram_view asked(request);
        auto out = pcp_header(asked[1], code, asked[1] == 0 ? 0 : lifetime);
        if (asked[1] == 0) return out;
        const auto repeated = asked.subspan(24, 18);
        out.insert(out.end(), repeated.begin(), repeated.end());
        append_u16(out, port.value_or(u16_at(asked, 42)));
        append_address(out, address);
        return out;
    }
    [[nodiscard]] datagram nat_pmp_answer(const datagram& request, std::uint16_t code = 0) const {
        datagram out{0, static_cast<std::uint8_t>(0x80U | request[1])};
        append_u16(out, code);
        append_u32(out, epoch());
        if (request[1] == 0) {
            const auto bytes = address.v4_bytes();
            out.insert(out.end(), bytes.begin(), bytes.end());
        } else {
            out.insert(out.end(), request.begin() + 4, request.begin() + 12);
        }
        return out;
    }
    /// Answers each request with PCP, until there is none.
    void answer_all(std::uint8_t code = 0, std::uint32_t lifetime = 3600) {
        while (!sent.empty()) {
            const auto request = sent.front();
            sent.erase(sent.begin());
            if (request[0] == 2) receive(pcp_answer(request, code, lifetime));
        }
    }
    [[nodiscard]] std::vector<std::uint16_t> external() const {
        std::vector<std::uint16_t> out;
        for (const auto& each : machine.mappings()) out.push_back(each.external ? each.external->port : std::uint16_t{0});
        return out;
    }
    [[nodiscard]] bool logged(std::string_view text) const {
        return std::ranges::any_of(lines, [&](const auto& line) { return line.contains(text); });
    }

    port_mapper::time begin{1000s};
    port_mapper::time now = begin;
    std::uint32_t started = 500;
    ip_address address = outside;
    port_mapper machine;
    std::vector<datagram> sent;
    std::vector<std::string> lines;
    std::vector<add_upnp_mapping> adds;
    std::vector<remove_upnp_mapping> removes;
    int searches = 0;
};

// S3
TEST(PortMapper, PcpMapsEachPortOneAfterTheOther) {
    mapper m;
    ASSERT_EQ(m.sent.size(), 1U);
    EXPECT_EQ(m.sent[0].size(), 24U) << "the first question changes nothing";
    m.answer_all();
    EXPECT_EQ(m.external(), (std::vector<std::uint16_t>{21, 30000, 30001}));
    EXPECT_EQ(m.machine.external_address(), outside);
    EXPECT_TRUE(m.logged("forwards 5.9.1.1:21 to port 21, 5.9.1.1:30000-30001 to ports 30000-30001 (PCP)"));
    EXPECT_EQ(m.searches, 0);
    EXPECT_EQ(m.machine.next_timeout(), m.now + 1800s);
}

TEST(PortMapper, AnotherPortOfTheRouterIsKeptAndAskedForAgain) {
    mapper m({21});
    m.receive(m.pcp_answer(m.sent[0]));
    m.receive(m.pcp_answer(m.sent[1], 0, 3600, 2121));
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{2121});
    m.sent.clear();
    m.pass(1800s);
    ASSERT_EQ(m.sent.size(), 1U);
    EXPECT_EQ(u16_at(m.sent[0], 42), 2121) << "the renewal asks for the same external port";
    EXPECT_EQ(bytes_at<12>(m.sent[0], 24), nonce);
}

TEST(PortMapper, SilenceOfPcpAndNatPmpTakesTheirTimesThenUpnpCounts) {
    mapper m({21});
    m.pass(1749ms);
    EXPECT_EQ(m.sent.size(), 3U);
    EXPECT_EQ(m.searches, 1) << "the search runs meanwhile";
    m.pass(1ms);
    ASSERT_EQ(m.sent.size(), 4U);
    EXPECT_EQ(m.sent[3], encode_nat_pmp_address_request());
    m.pass(1750ms);
    EXPECT_EQ(m.sent.size(), 6U);
    m.machine.upnp_found(outside, m.now);
    m.collect();
    ASSERT_EQ(m.adds.size(), 1U);
    m.machine.upnp_added(21, upnp_grant{.external = {outside, 21}, .lifetime = 3600s}, m.now);
    m.collect();
    EXPECT_TRUE(m.logged("(UPnP)"));
    m.sent.clear();
    m.pass(1800s);
    EXPECT_EQ(m.adds.size(), 2U) << "what has answered is asked first";
    EXPECT_TRUE(m.sent.empty());
}

TEST(PortMapper, ARefusedDatagramIsAnAnswerAtOnce) {
    mapper m({21}, {pcp, natpmp});
    m.machine.router_refused(m.now);
    m.collect();
    m.machine.router_refused(m.now);
    m.collect();
    EXPECT_EQ(m.sent.size(), 2U);
    EXPECT_TRUE(m.logged("forwards no ports (PCP: no answer; NAT-PMP: no answer)"));
}

TEST(PortMapper, VersionZeroIsNatPmp) {
    mapper m({21, 30000});
    m.receive({0, 128, 0, 1, 0, 0, 0, 9});
    for (int i = 1; i < 4; ++i) {
        ASSERT_EQ(m.sent.size(), static_cast<std::size_t>(i) + 1);
        m.receive(m.nat_pmp_answer(m.sent.back()));
    }
    EXPECT_EQ(m.external(), (std::vector<std::uint16_t>{21, 30000}));
    EXPECT_TRUE(m.logged("(NAT-PMP)"));
}

TEST(PortMapper, SilenceRestsTheProtocolForTwiceAsLongEachTime) {
    mapper m({21}, {pcp});
    m.pass(10s);
    EXPECT_EQ(m.sent.size(), 3U);
    m.pass(30s);
    EXPECT_EQ(m.sent.size(), 6U);
    m.pass(50s);
    EXPECT_EQ(m.sent.size(), 6U);
    m.pass(24h);
    // 30 s, 1, 2, 4, 8, 16, 30, 30, ... minutes.
    EXPECT_LT(m.sent.size(), 3U * (7 + 48));
    EXPECT_THAT(m.lines, ::testing::SizeIs(1));
}

TEST(PortMapper, ARouterThatIsBusyWithOnePortGetsOneQuestion) {
    mapper m({21}, {pcp});
    m.receive(m.pcp_answer(m.sent[0]));
    m.pass(29s);
    EXPECT_EQ(std::ranges::count_if(m.sent, [](const auto& d) { return d.size() == 60; }), 1);
}

TEST(PortMapper, ALostDatagramIsSentAgain) {
    mapper m({21}, {pcp});
    m.receive(m.pcp_answer(m.sent[0]));
    m.pass(1s);
    ASSERT_EQ(m.sent.size(), 3U);
    m.receive(m.pcp_answer(m.sent[2]));
    ASSERT_EQ(m.sent.size(), 4U);
    m.receive(m.pcp_answer(m.sent[3]));
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{21});
}

TEST(PortMapper, ARefusedPortIsReportedWithTheRemedyAndTheOthersAreMapped) {
    mapper m({21, 30000});
    m.receive(m.pcp_answer(m.sent[0]));
    m.receive(m.pcp_answer(m.sent[1], 2, 0));
    m.receive(m.pcp_answer(m.sent[2]));
    EXPECT_EQ(m.external(), (std::vector<std::uint16_t>{0, 30000}));
    EXPECT_TRUE(m.logged("does not forward port 21: not authorized"));
    EXPECT_TRUE(m.logged("allow 21 192.168.77.10/32 21"));
    m.sent.clear();
    m.pass(29s);
    EXPECT_TRUE(m.sent.empty());
    m.pass(1s);
    EXPECT_EQ(m.sent.size(), 1U);
}

TEST(PortMapper, AQuotaLeavesThePortsThatWereGranted) {
    mapper m({21, 30000, 30001, 30002, 30003});
    for (int i = 0; i < 3; ++i) m.receive(m.pcp_answer(m.sent.back()));
    m.receive(m.pcp_answer(m.sent.back(), 10, 60));
    EXPECT_EQ(m.external(), (std::vector<std::uint16_t>{21, 30000, 0, 0, 0}));
    const auto asked = m.sent.size();
    m.pass(59s);
    EXPECT_EQ(m.sent.size(), asked) << "the others would be refused as well";
    EXPECT_TRUE(m.logged("ports 30001-30003: quota exceeded"));
}

TEST(PortMapper, RefusedRenewalsAreTriedThreeTimesThenTheMappingEnds) {
    mapper m({21});
    m.receive(m.pcp_answer(m.sent[0]));
    m.receive(m.pcp_answer(m.sent[1], 0, 60));
    m.sent.clear();
    for (const auto after : {30000ms, 15000ms, 7500ms}) {
        m.pass(after);
        ASSERT_EQ(m.sent.size(), 1U);
        m.receive(m.pcp_answer(m.sent[0], 2, 0));
        m.sent.clear();
        EXPECT_EQ(m.external(), std::vector<std::uint16_t>{21});
    }
    m.pass(7500ms);
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{0});
    EXPECT_EQ(m.machine.external_address(), std::nullopt);
}

TEST(PortMapper, WrongAnswersAreNoAnswers) {
    mapper m({21}, {pcp});
    m.receive(m.pcp_answer(m.sent[0]));
    const auto good = m.pcp_answer(m.sent[1]);
    auto other_nonce = good;
    other_nonce[24] ^= 1U;
    auto other_port = good;
    other_port[41] ^= 1U;
    auto udp = good;
    udp[36] = 17;
    for (const auto& each : {other_nonce, other_port, udp, datagram(good.begin(), good.begin() + 40), datagram{}}) {
        m.receive(each);
        EXPECT_EQ(m.external(), std::vector<std::uint16_t>{0});
    }
    m.receive(good);
    m.receive(good);
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{21});
}

TEST(PortMapper, ValuesWithoutMeaningAreRefused) {
    for (const auto& [lifetime, port] :
         {std::pair{0U, std::uint16_t{21}}, {1U, std::uint16_t{21}}, {3600U, std::uint16_t{0}}}) {
        mapper m({21}, {pcp});
        m.receive(m.pcp_answer(m.sent[0]));
        m.receive(m.pcp_answer(m.sent[1], 0, lifetime, port));
        EXPECT_EQ(m.external(), std::vector<std::uint16_t>{0});
        EXPECT_FALSE(m.machine.mappings()[0].error.empty());
        m.machine.stop(m.now);
        m.collect();
        EXPECT_EQ(u32_at(m.sent.back(), 4), 0U) << "the router may have made a mapping";
    }
    mapper endless({21}, {pcp});
    endless.receive(endless.pcp_answer(endless.sent[0]));
    endless.receive(endless.pcp_answer(endless.sent[1], 0, UINT32_MAX));
    EXPECT_LE(endless.machine.next_timeout(), endless.now + 12h);
}

TEST(PortMapper, AnAnnouncedRestartMapsAllAgain) {
    mapper m;
    m.answer_all();
    m.pass(100s);
    m.started = 1;
    m.begin = m.now;
    m.machine.announced(m.pcp_header(0, 0, 0), m.now);
    m.collect();
    EXPECT_EQ(m.external(), (std::vector<std::uint16_t>{21, 30000, 30001})) << "they stay until the router says otherwise";
    ASSERT_EQ(m.sent.size(), 1U);
    m.address = *ip_address::parse("5.9.1.7");
    m.answer_all();
    EXPECT_EQ(m.machine.external_address(), m.address);
    EXPECT_EQ(m.machine.mappings()[2].external->address, m.address);
}

TEST(PortMapper, AnAnnouncementThatSaysNothingNewChangesNothing) {
    mapper m;
    m.answer_all();
    m.pass(100s);
    m.machine.announced(m.pcp_header(0, 0, 0), m.now);
    m.collect();
    EXPECT_TRUE(m.sent.empty());
}

TEST(PortMapper, ForgedAnnouncementsAreLimited) {
    mapper m({21}, {pcp});
    m.answer_all();
    std::size_t asked = 0;
    for (int i = 0; i < 200; ++i) {
        m.started = static_cast<std::uint32_t>(i % 2) * 100000;
        m.machine.announced(m.pcp_header(0, 0, 0), m.now);
        m.collect();
        m.started = 500;
        asked += m.sent.size();
        m.answer_all();
        m.pass(10ms);
    }
    EXPECT_LE(asked, 2U * 8U);
}

TEST(PortMapper, AnAddressPacketHasTheRouterAsked) {
    mapper m({21});
    m.answer_all();
    m.address = *ip_address::parse("6.6.6.6");
    m.machine.announced(m.nat_pmp_answer(encode_nat_pmp_address_request()), m.now);
    m.collect();
    EXPECT_EQ(m.machine.external_address(), outside) << "any host can send such a packet";
    EXPECT_FALSE(m.sent.empty());
}

TEST(PortMapper, ANewRouterIsAskedFromTheBeginning) {
    mapper m({21});
    m.answer_all();
    auto other = route;
    other.gateway = *ip_address::parse("192.168.77.2");
    m.machine.set_route(other, m.now);
    m.collect();
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{0});
    m.answer_all();
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{21});
    m.machine.set_route(std::nullopt, m.now, "no route");
    m.collect();
    EXPECT_TRUE(m.logged("no route"));
    EXPECT_EQ(m.machine.mappings()[0].error, "no route") << "the status has the reason too";
    EXPECT_EQ(m.machine.next_timeout(), port_mapper::time::max());
}

TEST(PortMapper, RequestsToTheOldRouterEndWithItsRoute) {
    mapper m({21}, {upnp});
    m.machine.upnp_found(outside, m.now);
    m.machine.set_route(std::nullopt, m.now, "no route");
    for (const auto& action : m.machine.take_actions()) EXPECT_TRUE(std::holds_alternative<report_line>(action));
    m.machine.set_route(route, m.now);
    auto other = route;
    other.gateway = *ip_address::parse("192.168.77.2");
    m.machine.set_route(other, m.now);
    m.collect();
    EXPECT_TRUE(m.adds.empty());
    EXPECT_EQ(m.searches, 2) << "one at each router that is left";
}

TEST(PortMapper, SleepHasAllAskedForAgain) {
    mapper m({21});
    m.answer_all();
    m.machine.clock_jumped(m.now);
    m.collect();
    EXPECT_EQ(m.sent.size(), 1U);
}

TEST(PortMapper, AShortAbsenceOfTheRouterIsNotNoticed) {
    mapper m({21});
    m.answer_all();
    m.lines.clear();
    m.pass(1900s);
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{21});
    EXPECT_TRUE(m.lines.empty());
    m.sent.clear();
    m.pass(800s);
    ASSERT_FALSE(m.sent.empty());
    m.answer_all();
    EXPECT_TRUE(m.lines.empty());
    EXPECT_GT(m.machine.mappings()[0].expires, m.now + 3500s);
}

TEST(PortMapper, TheEndDeletesWhatWasAskedFor) {
    mapper m;
    m.answer_all();
    m.machine.stop(m.now);
    m.collect();
    ASSERT_EQ(m.sent.size(), 3U);
    for (const auto& each : m.sent) EXPECT_EQ(u32_at(each, 4), 0U) << "lifetime 0";
    EXPECT_EQ(m.machine.external_address(), std::nullopt);
    m.receive(m.pcp_answer(m.sent[0], 0, 0));
    m.receive(m.pcp_answer(m.sent[1], 0, 0));
    EXPECT_FALSE(m.machine.is_stopped());
    m.pass(limits::unmapping_timeout / 2);
    ASSERT_EQ(m.sent.size(), 4U) << "a lost one is sent again";
    EXPECT_EQ(m.sent[3], m.sent[2]);
    m.receive(m.pcp_answer(m.sent[3], 0, 0));
    EXPECT_TRUE(m.machine.is_stopped());
}

TEST(PortMapper, OnlyADeletionEndsTheWaitForIt) {
    mapper m({21}, {pcp});
    m.receive(m.pcp_answer(m.sent[0]));
    const auto late = m.pcp_answer(m.sent[1]);
    m.machine.stop(m.now);
    m.collect();
    m.receive(late);
    EXPECT_FALSE(m.machine.is_stopped()) << "the answer has made the mapping";
    m.receive(m.pcp_answer(m.sent.back(), 8, 0));
    EXPECT_FALSE(m.machine.is_stopped()) << "the router has refused";
    m.receive(m.pcp_answer(m.sent.back(), 0, 0));
    EXPECT_TRUE(m.machine.is_stopped());
    mapper other({21}, {natpmp});
    other.receive(other.nat_pmp_answer(other.sent[0]));
    const auto made = other.nat_pmp_answer(other.sent[1]);
    other.machine.stop(other.now);
    other.collect();
    other.receive(made);
    other.receive(other.nat_pmp_answer(other.sent.back(), 2));
    EXPECT_FALSE(other.machine.is_stopped());
    other.receive(other.nat_pmp_answer(other.sent.back()));
    EXPECT_TRUE(other.machine.is_stopped());
}

TEST(PortMapper, AnAnswerOfNatPmpToAnotherQuestionIsIgnored) {
    mapper m({21}, {natpmp});
    for (const auto opcode : std::initializer_list<std::uint8_t>{0x81, 0x82}) m.receive({0, opcode, 0, 3, 0, 0, 0, 9});
    EXPECT_EQ(m.sent.size(), 1U);
    m.receive(m.nat_pmp_answer(m.sent[0]));
    ASSERT_EQ(m.sent.size(), 2U);
    // A late error about the address.
    m.receive({0, 0x80, 0, 3, 0, 0, 0, 9});
    EXPECT_TRUE(m.machine.mappings()[0].error.empty());
    m.receive(m.nat_pmp_answer(m.sent[1]));
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{21});
}

TEST(PortMapper, TheEndWaitsForNoSilentRouter) {
    mapper m({21});
    m.machine.stop(m.now);
    EXPECT_TRUE(m.machine.is_stopped()) << "nothing was asked for";
    mapper mapped({21});
    mapped.answer_all();
    mapped.machine.stop(mapped.now);
    mapped.pass(limits::unmapping_timeout);
    EXPECT_TRUE(mapped.machine.is_stopped());
}

TEST(PortMapper, UpnpMappingsAreRemovedAtTheEnd) {
    mapper m({21}, {upnp});
    ASSERT_EQ(m.searches, 1);
    m.machine.upnp_found(outside, m.now);
    m.machine.upnp_added(21, upnp_grant{.external = {outside, 2121}, .lifetime = 0s}, m.now);
    m.machine.stop(m.now);
    m.collect();
    ASSERT_EQ(m.removes.size(), 1U);
    EXPECT_TRUE(m.removes[0].external_port == 2121 && m.removes[0].is_granted);
    m.machine.upnp_removed(21, m.now);
    EXPECT_TRUE(m.machine.is_stopped());
}

TEST(PortMapper, ARestartOfUpnpHasAllAskedForAgain) {
    mapper m({21}, {upnp});
    m.machine.upnp_found(outside, m.now);
    m.machine.upnp_added(21, upnp_grant{.external = {outside, 2121}, .lifetime = 3600s}, m.now);
    m.machine.upnp_restarted(m.now);
    m.collect();
    EXPECT_EQ(m.searches, 2);
    EXPECT_EQ(m.external(), std::vector<std::uint16_t>{2121}) << "it stays until the router says otherwise";
}

TEST(PortMapper, FiveMinutesWithoutTheRouterAreOneLine) {
    mapper m({21}, {pcp, natpmp});
    m.answer_all(0, 120);
    m.lines.clear();
    m.pass(300s);
    EXPECT_THAT(m.lines, ::testing::SizeIs(1));
}

TEST(PortMapper, AnotherNatIsNamed) {
    mapper m({21});
    m.address = *ip_address::parse("100.64.0.9");
    m.answer_all();
    EXPECT_TRUE(m.logged("100.64.0.9, which is not one of the Internet"));
}

}  // namespace
}  // namespace sallyport::reach
