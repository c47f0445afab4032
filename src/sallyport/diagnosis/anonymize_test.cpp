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
    const auto known = anonymized(with_names());
    EXPECT_EQ(known.server.address, known.methods.front().target->address);
    EXPECT_TRUE(known.client.address.is_private());
    EXPECT_TRUE(known.server.address.is_public());
    EXPECT_NE(known.methods.back().reply.find(known.server.address.text()), std::string::npos);
}

}  // namespace
}  // namespace sallyport::diagnosis
