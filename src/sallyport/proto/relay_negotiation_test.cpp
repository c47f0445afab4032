#include <sallyport/proto/relay_negotiation.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] endpoint at(std::string_view text) { return *endpoint::parse(text); }

struct session {
    explicit session(backend_data_mode policy = backend_data_mode::passive, direct_data direct = {}) {
        settings.client_peer = at("198.51.100.7:40000");
        settings.data_mode = policy;
        settings.backend.peer = at("172.16.3.4:21");
        settings.backend.direct = direct;
        negotiation.emplace(settings.client_peer.address);
        backend.connect(settings.backend, out);
    }
    [[nodiscard]] negotiation_context context() { return {settings, false, backend, out}; }
    std::optional<relay_event> start(verb id, std::string_view name, std::string_view argument = {}) {
        return negotiation->start({id, std::string(name), std::string(argument)}, context());
    }
    relay_event backend_replies(int code, std::string_view text) {
        out.remove_pending(0);
        return negotiation->on_reply({code, {std::string(text)}}, context());
    }
    std::string to_client() {
        std::string text;
        out.release_client_output(text);
        return text;
    }
    std::string to_backend() {
        std::string text;
        out.release_backend_output(text);
        return text;
    }
    /// The next action; it must be of this kind.
    template <class Action>
    Action action() {
        auto next = out.next_action();
        EXPECT_TRUE(next && std::holds_alternative<Action>(*next));
        return next && std::holds_alternative<Action>(*next) ? std::get<Action>(*next) : Action{};
    }

    relay_settings settings;
    std::optional<relay_negotiation> negotiation;
    relay_backend_leg backend;
    relay_output out;
};

constexpr std::string_view offer = "Entering Passive Mode (10,9,9,9,204,173)";

TEST(RelayNegotiation, PassiveOnBothLegs) {
    session s;
    EXPECT_EQ(s.start(verb::pasv, "PASV"), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "EPSV\r\n");
    EXPECT_EQ(s.backend_replies(500, "What?"), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "PASV\r\n");
    EXPECT_TRUE(s.backend.server().refused.contains(data_method::epsv));
    EXPECT_EQ(s.backend_replies(227, offer), relay_event::client_port_requested);
    EXPECT_EQ(s.action<relay_act::reserve_port>().on, leg::client);
    EXPECT_FALSE(s.negotiation->agreed());
    EXPECT_EQ(s.negotiation->client_port_reserved(at("203.0.113.1:5000"), false, s.context()),
              relay_event::negotiation_finished);
    EXPECT_EQ(s.to_client(), "227 Entering Passive Mode (203,0,113,1,19,136)\r\n");
    ASSERT_TRUE(s.negotiation->agreed());
    EXPECT_EQ(std::get<connect_to>(s.negotiation->agreed()->backend).to, at("172.16.3.4:52397"))
        << "the address is that of the control connection";
    const auto plan = s.negotiation->take_plan({verb::stor, "STOR", "f"}, s.context());
    EXPECT_TRUE(plan.upload && std::holds_alternative<accept_on_port>(plan.client));
    EXPECT_FALSE(s.negotiation->agreed() || s.negotiation->holds_port());
}

TEST(RelayNegotiation, ActiveOnTheClientLeg) {
    session s;
    EXPECT_EQ(s.start(verb::port, "PORT", "198,51,100,7,200,0"), relay_event::data_method_sent);
    EXPECT_EQ(s.backend_replies(229, "Entering Extended Passive Mode (|||52397|)"), relay_event::negotiation_finished);
    EXPECT_EQ(s.to_client(), "200 PORT command successful.\r\n");
    EXPECT_EQ(std::get<connect_to>(s.negotiation->agreed()->client).to, at("198.51.100.7:51200"));
    s.negotiation->cancel(s.out);
    (void)s.action<relay_act::release_data>();
    s.negotiation->cancel(s.out);
    EXPECT_FALSE(s.out.next_action()) << "once";
}

TEST(RelayNegotiation, ActiveOnTheBackendLeg) {
    session s(backend_data_mode::active);
    EXPECT_EQ(s.start(verb::pasv, "PASV"), relay_event::backend_port_requested);
    EXPECT_EQ(s.action<relay_act::reserve_port>().on, leg::backend);
    EXPECT_EQ(s.negotiation->backend_port_reserved(at("192.0.2.9:5000"), s.context()), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "EPRT |1|192.0.2.9|5000|\r\n");
    EXPECT_EQ(s.backend_replies(500, "No."), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "PORT 192,0,2,9,19,136\r\n");
    EXPECT_EQ(s.backend_replies(500, "No."), relay_event::data_method_sent);
    (void)s.action<relay_act::release_data>();
    EXPECT_EQ(s.to_backend(), "EPSV\r\n") << "passive after active";
}

TEST(RelayNegotiation, WithoutAPortForTheBackendOnlyPassiveModeIsLeft) {
    session s(backend_data_mode::active);
    (void)s.start(verb::pasv, "PASV");
    EXPECT_EQ(s.negotiation->backend_port_reserved(fail(errc::exhausted), s.context()), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "EPSV\r\n");
    session only_active(backend_data_mode::eprt);
    (void)only_active.start(verb::pasv, "PASV");
    EXPECT_EQ(only_active.negotiation->backend_port_reserved(fail(errc::exhausted), only_active.context()),
              relay_event::negotiation_finished);
    EXPECT_EQ(only_active.to_client().substr(0, 3), "425");
}

TEST(RelayNegotiation, ARefusalInBothMethodsIsTheClientsReply) {
    session s;
    (void)s.start(verb::pasv, "PASV");
    (void)s.backend_replies(500, "No.");
    EXPECT_EQ(s.backend_replies(425, "Later."), relay_event::negotiation_finished);
    EXPECT_EQ(s.to_client(), "425 Later.\r\n");
    EXPECT_FALSE(s.negotiation->agreed());
}

TEST(RelayNegotiation, APortOfAServiceIsNoDataPort) {
    session s;
    (void)s.start(verb::pasv, "PASV");
    EXPECT_EQ(s.backend_replies(229, "Entering Extended Passive Mode (|||22|)"), relay_event::data_method_sent);
    EXPECT_EQ(s.backend_replies(227, "Entering Passive Mode (10,0,0,5,0,22)"), relay_event::negotiation_finished);
    EXPECT_EQ(s.to_client().substr(0, 3), "425");
}

TEST(RelayNegotiation, ATargetAtAnotherHostIsRefusedAndVoidsWhatWasAgreedOn) {
    session s;
    (void)s.start(verb::port, "PORT", "198,51,100,7,200,0");
    (void)s.backend_replies(229, "Entering Extended Passive Mode (|||52397|)");
    (void)s.to_client();
    EXPECT_EQ(s.start(verb::port, "PORT", "192,0,2,1,200,0"), std::nullopt);
    EXPECT_EQ(s.to_client().substr(0, 3), "504");
    EXPECT_FALSE(s.negotiation->agreed());
    (void)s.action<relay_act::release_data>();
}

TEST(RelayNegotiation, DirectDataHaveTheBackendsOwnPort) {
    session s(backend_data_mode::passive, {.passive = true, .external_address = *ip_address::parse("203.0.113.9")});
    EXPECT_EQ(s.start(verb::epsv, "EPSV"), std::nullopt);
    EXPECT_EQ(s.to_client().substr(0, 3), "502") << "it can't name another host";
    EXPECT_EQ(s.start(verb::pasv, "PASV"), relay_event::data_method_sent);
    EXPECT_EQ(s.backend_replies(227, offer), relay_event::negotiation_finished);
    EXPECT_EQ(s.to_client(), "227 Entering Passive Mode (203,0,113,9,204,173)\r\n");
    EXPECT_EQ(s.negotiation->agreed()->path.path, data_path::direct);
}

TEST(RelayNegotiation, AServerThatRefusesTheClientsAddressIsNotAskedAgain) {
    session s(backend_data_mode::passive, {.active = true});
    EXPECT_EQ(s.start(verb::port, "PORT", "198,51,100,7,200,0"), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "PORT 198,51,100,7,200,0\r\n");
    EXPECT_EQ(s.backend_replies(500, "Not there."), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "EPSV\r\n");
    (void)s.backend_replies(229, "Entering Extended Passive Mode (|||52397|)");
    EXPECT_EQ(s.start(verb::port, "PORT", "198,51,100,7,200,1"), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "EPSV\r\n");
    EXPECT_FALSE(s.backend.server().refused.contains(data_method::port)) << "it refused the address, not the command";
    (void)s.backend_replies(229, "Entering Extended Passive Mode (|||52397|)");
    s.negotiation->backend_found(std::nullopt);
    EXPECT_EQ(s.start(verb::port, "PORT", "198,51,100,7,200,2"), relay_event::data_method_sent);
    EXPECT_EQ(s.to_backend(), "PORT 198,51,100,7,200,2\r\n") << "another server";
}

}  // namespace
}  // namespace sallyport::proto
