#include <sallyport/diagnosis/anonymize.hpp>

#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

facts with_names() {
    auto out = opened_session();
    out.greeting = "Welcome to ftp.example.org, mail admin@example.org";
    out.methods = {attempt(proto::data_method::epsv, method_result::silent),
                   attempt(proto::data_method::pasv, method_result::wrong_address)};
    out.methods.back().advertised = endpoint{address("10.7.8.9"), 50001};
    out.methods.back().reply = "227 Entering Passive Mode (10,7,8,9,195,81). See \"/srv/secret/x\" on 198.51.100.7:21.";
    out.traces = {control_trace(), trace_to(false, 2)};
    return out;
}

TEST(anonymize, no_address_name_or_path_is_left) {
    const auto text = to_json(anonymized(with_names()));
    for (const auto* const secret :
         {"198.51.100", "192.168.1", "203.0.113.65", "10.7.8.9", "10,7,8,9", "example.org", "admin@", "secret"})
        EXPECT_EQ(text.find(secret), std::string::npos) << secret << text;
}

std::string greeting_of(std::string greeting, std::string host = "198.51.100.7", std::string_view user = {}) {
    auto known = opened_session();
    known.host = std::move(host);
    known.greeting = std::move(greeting);
    return anonymized(known, user).greeting;
}

TEST(anonymize, addresses_between_any_marks) {
    for (const auto* const text :
         {"220 ProFTPD Server (x) [::ffff:203.0.113.5]", "key=203.0.113.5", "a,203.0.113.5,b", "{203.0.113.5}",
          "203.0.113.5/24", "ip:203.0.113.5", "ip-203.0.113.5-x", "[203.0.113.5]:21", "227 =203,0,113,5,195,81",
          "227 (203,0,113,5,195)", "203,0,113,5", "ftp://203.0.113.5:21/x", "ftp://[::ffff:203.0.113.5]/x"}) {
        const auto out = greeting_of(text);
        EXPECT_EQ(out.find("113.5"), std::string::npos) << text << " -> " << out;
        EXPECT_EQ(out.find("113,5"), std::string::npos) << text << " -> " << out;
    }
    EXPECT_EQ(greeting_of("227 Entering (10,7,8,9,195,81)."), "227 Entering (10,0,0,4,195,81).");
    EXPECT_EQ(greeting_of("211 TLSv1.3, I/O 1,2: [x]={y}"), "211 TLSv1.3, I/O 1,2: [x]={y}");
}

TEST(anonymize, urls_are_split) {
    const auto out = greeting_of("see ftp://host.example/path, ftp://anna:geheim@nas:21/srv/x");
    for (const auto* const secret : {"host.example", "/path,", "anna", "geheim", "nas", "srv"})
        EXPECT_EQ(out.find(secret), std::string::npos) << secret << out;
    EXPECT_EQ(out.substr(0, 10), "see ftp://");
    EXPECT_NE(out.find(":21/"), std::string::npos) << out;
}

TEST(anonymize, the_host_and_the_login_name_are_replaced_everywhere) {
    auto known = opened_session();
    known.host = "nas:2121";
    known.greeting = "220 NAS ready, nasty";
    known.phases.push_back({"login", false, 1, "login_refused", 530, "530 User anna: anna's account on nas is locked"});
    const auto out = anonymized(known, "anna");
    EXPECT_EQ(out.host, "name-1.example:2121");
    EXPECT_EQ(out.greeting, "220 name-1.example ready, nasty");
    EXPECT_EQ(out.phases.back().detail, "530 User user-2: user-2's account on name-1.example is locked");
    EXPECT_EQ(greeting_of("hello a=b!", "nas", "a=b").find("a=b"), std::string::npos);
    EXPECT_EQ(greeting_of("331 anonymous ok", "nas", "anonymous"), "331 anonymous ok");
}

// A container's bridge has 172.17.0.0 to 172.31.255.255; 172.16.0.0/16 is a private network as others are.
TEST(anonymize, an_address_keeps_its_kind) {
    EXPECT_EQ(greeting_of("220 172.16.0.9"), "220 10.0.0.4");
    EXPECT_EQ(greeting_of("220 172.18.0.9"), "220 172.17.0.4");
    EXPECT_EQ(greeting_of("220 8.8.8.8"), "220 203.0.113.4");
}

TEST(anonymize, verdicts_stay_the_same) {
    const auto known = with_names();
    const auto before = judge(known);
    const auto after = judge(anonymized(known));
    ASSERT_EQ(ids(before), ids(after));
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(before[i].side, after[i].side);
        EXPECT_EQ(before[i].confidence, after[i].confidence);
    }
}

TEST(anonymize, one_address_has_one_substitute) {
    auto named = with_names();
    named.translated_server = named.server.address;
    const auto known = anonymized(named);
    EXPECT_EQ(known.translated_server, known.server.address);
    EXPECT_EQ(known.server.address, known.methods.front().target->address);
    EXPECT_TRUE(known.client.address.is_private());
    EXPECT_TRUE(known.server.address.is_public());
    EXPECT_NE(known.methods.back().reply.find(known.server.address.text()), std::string::npos);
}

}  // namespace
}  // namespace sallyport::diagnosis
