#include <sallyport/proto/relay_rules.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

TEST(RelayRules, SomeCommandsAreNeverForwarded) {
    EXPECT_EQ(refuse_forwarding({verb::unknown, "LPRT", "6"}, false)->code, 502);
    EXPECT_EQ(refuse_forwarding({verb::unknown, "SSCN", "ON"}, false)->code, 502);
    EXPECT_EQ(refuse_forwarding({verb::mode, "MODE", "b"}, false)->code, 504);
    EXPECT_EQ(refuse_forwarding({verb::mode, "MODE", "S"}, false), std::nullopt);
    EXPECT_EQ(refuse_forwarding({verb::unknown, "XCRC", "f"}, false), std::nullopt);
    EXPECT_EQ(refuse_forwarding({verb::rnto, "RNTO", "b"}, false)->code, 503);
    EXPECT_EQ(refuse_forwarding({verb::rnto, "RNTO", "b"}, true), std::nullopt);
}

TEST(RelayRules, ATranslatorAnswersItsOwnCommand) {
    const auto between = [](std::string_view client) {
        return relay_settings{.client_peer = *endpoint::parse(client),
                              .backend = {.peer = *endpoint::parse("192.0.2.5:21")}};
    };
    const auto status = [&](std::string argument, bool translates) {
        return translation_status({verb::unknown, "ALGS", std::move(argument)},
                                  between(translates ? "[2001:db8::2]:5000" : "192.0.2.2:5000"));
    };
    EXPECT_EQ(status("STATUS64", true)->code, 216);
    EXPECT_EQ(status("disable64", true)->text, "EPSV EPRT");
    EXPECT_EQ(status("STATUS", true)->code, 504);
    EXPECT_EQ(status("", true)->code, 504);
    EXPECT_FALSE(status("STATUS64", false)) << "the server may know it";
    EXPECT_FALSE(translation_status({verb::noop, "NOOP", {}}, between("[2001:db8::2]:5000")));
}

TEST(RelayRules, SomeRepliesBreakTheProtocol) {
    const pending_reply command{reply_kind::relayed, verb::cwd, {}};
    const pending_reply pasv{reply_kind::negotiation, verb::pasv, {}};
    const pending_reply port{reply_kind::negotiation, verb::port, {}};
    const reply offer{227, {"Entering Passive Mode (10,0,0,5,4,0)"}};
    EXPECT_TRUE(violation_of({250, {"Ok."}}, nullptr)) << "no command is pending";
    EXPECT_TRUE(violation_of({631, {"x"}}, &command));
    EXPECT_TRUE(violation_of(offer, &command));
    EXPECT_TRUE(violation_of(offer, &port));
    EXPECT_FALSE(violation_of(offer, &pasv));
    EXPECT_FALSE(violation_of({250, {"Ok."}}, &command));
}

TEST(RelayRules, FeaturesThatEndAtTheGatewayAreItsOwn) {
    const reply backend{211, {"Features:", " AUTH TLS", " MDTM", " MODE B", " PROT", " MLST type*;", " SIZE", "End"}};
    using lines = std::vector<std::string>;
    relay_settings settings{.ccc_allowed = true, .policy = *command_policy::make({}, {"MLST"}, false)};
    const client_protection plain({});
    EXPECT_EQ(relay_features(backend, settings, plain).lines, (lines{"Features:", "MDTM", "SIZE", "EPRT", "EPSV", "End"}));
    const client_protection tls({.implicit_tls = true});
    EXPECT_EQ(relay_features(backend, settings, tls).lines,
              (lines{"Features:", "MDTM", "SIZE", "AUTH TLS", "PBSZ", "PROT", "CCC", "EPRT", "EPSV", "End"}));
    settings.ccc_allowed = false;
    EXPECT_EQ(relay_features({211, {"No features."}}, settings, plain).lines, (lines{"Features:", "EPRT", "EPSV", "End"}));
    // With TLS passthrough, TLS is the backend's.
    settings.auth = client_tls::passes;
    const client_protection offered({.auth_offered = true});
    EXPECT_EQ(relay_features(backend, settings, offered).lines,
              (lines{"Features:", "AUTH TLS", "MDTM", "PROT", "SIZE", "EPRT", "EPSV", "End"}));
    // Commands that are complete only with an argument.
    settings.policy = *command_policy::make({}, {"MLST", "MDTM", "SIZE"}, false);
    settings.auth = client_tls::ends_here;
    EXPECT_EQ(relay_features(backend, settings, plain).lines, (lines{"Features:", "EPRT", "EPSV", "End"}));
}

}  // namespace
}  // namespace sallyport::proto
