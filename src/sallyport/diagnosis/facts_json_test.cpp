#include <sallyport/diagnosis/facts_json.hpp>

#include <fmt/format.h>

#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

facts complete_facts() {
    auto out = opened_session();
    out.source = "run.json";
    out.greeting = "220 ready";
    out.features = {"EPSV", "AUTH TLS"};
    out.methods = {attempt(proto::data_method::epsv, method_result::verb_dropped, true)};
    out.methods.front().acknowledged = false;
    out.methods.front().other_address = method_result::ok;
    out.methods.front().seen_by_server = server_view{
        .peer = out.client, .negotiated = "229 (|||50000|)", .source = out.client, .others = {out.server.address}};
    out.traces = {control_trace(), trace_to(false, 2)};
    out.traces.back().reply_ttl = 61;
    out.lines = {{"half PORT", {{1, true, false}}}};
    out.rounds = {{proto::data_method::pasv, 50001, method_result::ok, method_result::refused}};
    out.idle = {{60, "NOOP", "alive", 2}};
    out.times.started = 1764489600;
    out.times.ended = 1764489605;
    out.compared.other_port = trace_to(false, 3);
    out.translated_server = address("192.0.2.7");
    out.compared.other_sessions = {
        {.peer = out.client, .negotiated = "229 x", .source = out.client, .others = {address("192.0.2.8")}}};
    out.not_measured = {"the path, because this is a test"};
    return out;
}

TEST(facts_json, reads_what_it_has_written) {
    const auto text = to_json(complete_facts());
    const auto read = facts_from_json(text);
    ASSERT_TRUE(read) << read.error().text() << text;
    EXPECT_EQ(to_json(*read), text);
    EXPECT_EQ(read->methods.front().result, method_result::verb_dropped);
    EXPECT_EQ(read->traces.back().expired_at(2)->from, hop_address(2));
    EXPECT_EQ(read->client, opened_session().client);
}

TEST(facts_json, bytes_of_a_peer_stay_valid_json) {
    auto known = opened_session();
    known.greeting = "220 \x1b[31m caf\xe9";
    const auto text = to_json(known);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_TRUE(facts_from_json(text));
}

TEST(facts_json, refuses_hops_that_no_path_has) {
    static constexpr unsigned beyond = 4294967295;
    const auto refused = [](auto change) {
        auto known = complete_facts();
        change(known);
        return !facts_from_json(to_json(known));
    };
    EXPECT_TRUE(refused([](facts& f) { f.traces.back().answers.back().ttl = beyond; }));
    EXPECT_TRUE(refused([](facts& f) { f.traces.back().answers.back().ttl = 256; }));
    EXPECT_TRUE(refused([](facts& f) { f.traces.back().reply_ttl = beyond; }));
    EXPECT_TRUE(refused([](facts& f) { f.lines.back().answers.back().ttl = beyond; }));
    EXPECT_TRUE(refused([](facts& f) { f.idle.back().hop = beyond; }));
    EXPECT_FALSE(refused([](facts& f) { f.traces.back().answers.back().ttl = 255; }));
}

TEST(facts_json, refuses_more_entries_than_a_run_has) {
    constexpr std::size_t many = 1025;
    const auto refused = [](auto change) {
        auto known = complete_facts();
        change(known);
        return !facts_from_json(to_json(known));
    };
    EXPECT_TRUE(refused([](facts& f) { f.phases.resize(many); }));
    EXPECT_TRUE(refused([](facts& f) { f.methods.resize(many); }));
    EXPECT_TRUE(refused([](facts& f) { f.traces.resize(many); }));
    EXPECT_TRUE(refused([](facts& f) { f.traces.back().answers.resize(many); }));
    EXPECT_TRUE(refused([](facts& f) { f.not_measured.resize(many); }));
    EXPECT_TRUE(refused([](facts& f) { f.compared.other_sessions.resize(many); }));
    EXPECT_TRUE(refused([](facts& f) { f.compared.other_sessions.front().others.resize(many); }));
    EXPECT_FALSE(refused([](facts& f) { f.rounds.resize(1000); }));
}

// Version 2 had neither times nor SYNs to another port, and 3 no sessions of other clients.
TEST(facts_json, reads_a_run_of_the_versions_before) {
    auto text = to_json(opened_session());
    const auto cut = [&text](std::string_view entry) {
        const auto at = text.find(entry);
        ASSERT_NE(at, std::string::npos) << entry;
        const auto comma = text.rfind(',', at);
        text.erase(comma, at + entry.size() - comma);
    };
    const auto as_version = [](std::string saved, int older) {
        constexpr std::string_view number = "\"sallyport_doctor\": 4";
        return saved.replace(saved.find(number), number.size(), fmt::format("\"sallyport_doctor\": {}", older));
    };
    cut("\"other_sessions\": []");
    auto read = facts_from_json(as_version(text, 3));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(to_json(*read), to_json(opened_session()));
    cut("\"times\": {\"started\": 0, \"ended\": 0}");
    cut("\"other_port\": null");
    read = facts_from_json(as_version(text, 2));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_FALSE(read->times.are_known());
    EXPECT_EQ(to_json(*read), to_json(opened_session()));
}

TEST(facts_json, refuses_times_that_no_run_has) {
    auto known = complete_facts();
    known.times.ended = known.times.started - 1;
    EXPECT_FALSE(facts_from_json(to_json(known)));
    known.times.started = known.times.ended = 999'999'999'999;
    EXPECT_FALSE(facts_from_json(to_json(known)));
}

// Saved before the comparisons were added.
TEST(facts_json, names_a_run_of_another_version) {
    auto text = to_json(complete_facts());
    constexpr std::string_view number = "\"sallyport_doctor\": 4";
    ASSERT_NE(text.find(number), std::string::npos);
    text.replace(text.find(number), number.size(), "\"sallyport_doctor\": 1");
    EXPECT_EQ(facts_from_json(text).error().code, errc::unsupported);
}

TEST(facts_json, refuses_other_texts) {
    for (const auto* const text : {"", "{", "[]", "{}", R"({"sallyport_doctor":1,"facts":{}})",
                                   R"({"sallyport_doctor":2,"facts":{}})", R"({"sallyport_doctor":4,"facts":{}})",
                                   R"({"sallyport_doctor":2,"facts":[]})", R"({"sallyport_doctor":"2","facts":[]})"})
        EXPECT_FALSE(facts_from_json(text)) << text;
    EXPECT_FALSE(facts_from_json(std::string(10000, '[')));
}

}  // namespace
}  // namespace sallyport::diagnosis
