// Rules about sessions with one difference, from facts as the probes find them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using proto::data_method;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

facts with_methods(std::vector<method_facts> methods) {
    auto out = opened_session();
    out.methods = std::move(methods);
    return out;
}

facts with_stalled_listing() {
    auto out = with_methods({attempt(data_method::epsv, method_result::stalled)});
    out.traces = {control_trace()};
    return out;
}

line_probe held_line(std::string name) {
    return {std::move(name), {{2, false, true}, {3, false, false}, {5, false, false}}};
}

// Symptom 31.
TEST(comparisons, full_packets_that_are_lost) {
    auto known = with_stalled_listing();
    EXPECT_THAT(ids(judge(known)), ElementsAre("data-stalled"));
    known.compared.segments = {{data_method::epsv, false, 536, method_result::stalled, 0}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("data-stalled"));
    known.compared.segments = {{data_method::epsv, false, 536, method_result::ok, 7000}};
    ASSERT_THAT(ids(judge(known)), ElementsAre("full-packets-lost"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::likely);
    known.lines = {held_line("long line")};
    const auto found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("full-packets-lost"));
    EXPECT_EQ(found[0].confidence, confidence::certain);
    ASSERT_TRUE(found[0].hop);
    EXPECT_EQ(found[0].hop->first, 2U);
}

// Symptom 40.
TEST(comparisons, what_is_missing_at_the_end_of_a_transfer) {
    auto known = with_stalled_listing();
    known.methods[0].end = stream_end::open;
    auto found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("data-stalled"));
    EXPECT_THAT(found[0].evidence, Contains(HasSubstr("neither the end (FIN)")));
    known.methods[0].reply_code = 226;
    found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("transfer-unfinished"));
    EXPECT_THAT(found[0].evidence, Contains(HasSubstr("FIN) of the data connection: missing")));
    // Small segments arrive, so that the last bytes are missing.
    known.compared.segments = {{data_method::epsv, false, 536, method_result::ok, 7000}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("full-packets-lost"));
    known.compared.segments.clear();
    known.methods[0].end = stream_end::clean;
    known.methods[0].reply_code = 0;
    found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("transfer-unfinished"));
    EXPECT_THAT(found[0].evidence, Contains(HasSubstr("the final reply (226): missing")));
}

TEST(comparisons, a_long_line_alone_may_be_held_back_as_a_command) {
    auto known = with_methods({attempt(data_method::epsv, method_result::ok)});
    known.traces = {control_trace()};
    known.lines = {held_line("long line")};
    auto found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("full-packets-lost"));
    EXPECT_EQ(found[0].severity, severity::note);
    EXPECT_EQ(found[0].confidence, confidence::possible);
    // It does not explain a listing that stops with small segments too.
    known.methods[0].result = method_result::stalled;
    known.compared.segments = {{data_method::epsv, false, 536, method_result::stalled, 0}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("data-stalled", "full-packets-lost"));
    // An upload that stops as well is no matter of commands.
    known.methods[0].result = method_result::ok;
    known.compared.upload = upload_facts{method_result::stalled, 0, {}, {}, {}};
    found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("full-packets-lost"));
    EXPECT_EQ(found[0].severity, severity::problem);
}

TEST(comparisons, a_line_names_no_hop_if_the_distance_is_not_known) {
    auto known = with_stalled_listing();
    known.traces.clear();
    known.lines = {{"long line", {{64, false, false}}}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("data-stalled"));
    known.compared.segments = {{data_method::epsv, false, 536, method_result::ok, 7000}};
    const auto found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("full-packets-lost"));
    EXPECT_FALSE(found[0].hop);
    EXPECT_EQ(found[0].confidence, confidence::likely);
}

TEST(comparisons, a_device_that_holds_every_incomplete_line_loses_no_packets) {
    auto known = with_methods({attempt(data_method::epsv, method_result::ok)});
    known.traces = {control_trace()};
    known.lines = {held_line("long line"), held_line("half line")};
    EXPECT_THAT(judge(known), IsEmpty());
}

// Symptom 14.
TEST(comparisons, a_method_that_fails_after_another_one) {
    auto known =
        with_methods({attempt(data_method::epsv, method_result::silent), attempt(data_method::pasv, method_result::ok)});
    known.compared.sequences = {{data_method::epsv, data_method::pasv, false, method_result::ok, 226, {}}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("one-method-blocked"));
    known.compared.sequences[0] = {data_method::epsv, data_method::pasv, false, method_result::silent, 425, "425 no"};
    EXPECT_THAT(ids(judge(known)), Contains("second-method-fails"));
    // Clients do not go on after a method that works.
    known.methods[0].result = method_result::ok;
    ASSERT_THAT(ids(judge(known)), ElementsAre("second-method-fails"));
    EXPECT_EQ(judge(known)[0].severity, severity::note);
}

// Symptom 38.
TEST(comparisons, a_port_that_opens_late) {
    auto known = with_methods({attempt(data_method::epsv, method_result::refused)});
    known.compared.timings = {{data_method::epsv, false, false, method_result::refused},
                              {data_method::epsv, false, true, method_result::refused}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("data-ports-refused"));
    known.compared.timings[1].result = method_result::ok;
    EXPECT_THAT(ids(judge(known)), ElementsAre("passive-port-opens-late"));
}

// Symptoms 25 and 26.
TEST(comparisons, versions_of_tls_and_session_reuse) {
    auto known = with_methods({attempt(data_method::epsv, method_result::ok, true)});
    const auto probe = [](std::string version, bool reuse, method_result result) {
        return tls_probe{std::move(version), reuse, result, reuse, 226, {}};
    };
    known.compared.tls_versions = {probe("TLSv1.3", true, method_result::ok), probe("TLSv1.3", false, method_result::ok),
                                   probe("TLSv1.2", true, method_result::ok), probe("TLSv1.2", false, method_result::ok)};
    EXPECT_THAT(judge(known), IsEmpty());
    known.compared.tls_versions[1].result = known.compared.tls_versions[3].result = method_result::failed;
    ASSERT_THAT(ids(judge(known)), ElementsAre("tls-reuse-required"));
    EXPECT_EQ(judge(known)[0].severity, severity::note);
    known.compared.tls_versions[0].result = known.methods[0].result = method_result::failed;
    const auto found = judge(known);
    EXPECT_THAT(ids(found), Contains("tls-version-fails"));
    EXPECT_THAT(found[0].cause, HasSubstr("work over TLSv1.2, and fail over TLSv1.3"));
    // The version is not the cause if it works without session reuse.
    known.compared.tls_versions[1].result = known.compared.tls_versions[3].result = method_result::ok;
    const auto reuse = judge(known);
    ASSERT_THAT(ids(reuse), ElementsAre("tls-reuse-fails"));
    EXPECT_THAT(reuse[0].cause, HasSubstr("fail over TLSv1.3"));
}

// Symptom 22.
TEST(comparisons, uploads) {
    auto known = with_methods({attempt(data_method::epsv, method_result::ok)});
    const auto with_upload = [&](upload_facts upload) {
        known.compared.upload = std::move(upload);
        return ids(judge(known));
    };
    EXPECT_THAT(with_upload({method_result::ok, 226, "226 done", {}, {}}), IsEmpty());
    EXPECT_THAT(with_upload({method_result::ok, 226, "226 done", "PROXY header", {}}), ElementsAre("proxy-header-in-files"));
    EXPECT_THAT(with_upload({method_result::ok, 226, "226 done", "truncated", {}}), ElementsAre("upload-changed"));
    EXPECT_THAT(with_upload({method_result::listing_refused, 550, "550 no", {}, {}}), ElementsAre("upload-refused"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::likely);
    EXPECT_THAT(with_upload({method_result::listing_refused, 553, "553 Permission denied.", {}, {}}),
                ElementsAre("upload-refused"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::certain);
    // These are no matter of permissions.
    for (const auto* const reply : {"451 Local error", "452 No space", "500 Unknown command", "502 No", "522 No", "534 No",
                                    "550 Disk is full", "552 Quota exceeded"}) {
        EXPECT_THAT(with_upload({method_result::listing_refused, std::stoi(reply), reply, {}, {}}),
                    ElementsAre("upload-failed"));
        EXPECT_THAT(judge(known)[0].evidence[0], HasSubstr(reply));
        EXPECT_EQ(judge(known)[0].severity, severity::problem);
    }
    EXPECT_THAT(with_upload({method_result::failed, 0, {}, {}, "a.txt"}), ElementsAre("upload-failed", "upload-left-over"));
    EXPECT_EQ(judge(known)[1].confidence, confidence::possible);
    EXPECT_THAT(with_upload({method_result::ok, 226, "226 done", {}, "a.txt"}), ElementsAre("upload-left-over"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::certain);
    EXPECT_THAT(judge(known)[0].cause, HasSubstr("a.txt"));
}

// Symptoms 6 and 30: the first attempt has met the port that fails, and the server has not named it again.
TEST(comparisons, a_port_that_fails_before_the_rounds_is_one_of_them) {
    auto known = with_methods({attempt(data_method::epsv, method_result::silent, false, 50006)});
    EXPECT_THAT(ids(judge(known)), ElementsAre("data-ports-dropped"));
    known.rounds = {{data_method::epsv, 50001, method_result::ok, {}}, {data_method::epsv, 50002, method_result::ok, {}}};
    const auto found = judge(known);
    ASSERT_THAT(ids(found), ElementsAre("some-ports-blocked"));
    EXPECT_THAT(found[0].evidence.front(), HasSubstr("50006 fail"));
}

// Symptoms 7 and 8.
TEST(comparisons, rates_and_ports_that_are_used_up) {
    auto known = with_methods({attempt(data_method::epsv, method_result::ok)});
    const auto works = [](std::uint16_t port) {
        return port_round{data_method::epsv, port, method_result::ok, {}, {}, 0, {}};
    };
    const auto silent = method_result::silent;
    known.rounds = {works(50000), works(50001), {data_method::epsv, 50002, silent, silent, method_result::ok, 0, {}}};
    EXPECT_THAT(ids(judge(known)), ElementsAre("rate-limit"));
    known.rounds[2].after_pause = silent;
    EXPECT_THAT(ids(judge(known)), ElementsAre("some-ports-blocked"));
    known.rounds[2] = {data_method::epsv, 0, method_result::verb_refused, {}, {}, 425, "425 no port"};
    EXPECT_THAT(ids(judge(known)), ElementsAre("passive-ports-used-up"));
    for (const int code : {421, 500, 502, 229}) {
        known.rounds[2].reply_code = code;
        EXPECT_THAT(judge(known), IsEmpty()) << code;
    }
}

TEST(comparisons, are_saved) {
    auto known = with_stalled_listing();
    known.compared.segments = {{data_method::epsv, false, 536, method_result::ok, 7000}};
    known.compared.sequences = {{data_method::epsv, data_method::pasv, true, method_result::silent, 425, "425 no"}};
    known.compared.timings = {{data_method::epsv, true, true, method_result::refused}};
    known.compared.tls_versions = {{"TLSv1.2", false, method_result::failed, false, 522, "522 no"}};
    known.compared.upload = upload_facts{method_result::ok, 226, "226 done", "changed", "x.txt"};
    const auto read = facts_from_json(to_json(known));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(to_json(*read), to_json(known));
}

}  // namespace
}  // namespace sallyport::diagnosis
