#include <sallyport/diagnosis/report.hpp>

#include <algorithm>

#include <boost/json/parse.hpp>

#include <sallyport/diagnosis/interruption.hpp>
#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using testing::HasSubstr;
using testing::Not;

facts blocked() {
    auto out = opened_session();
    out.phases.push_back({"greeting", true, 1, {}, 0, "220 \x1b[2J ready"});
    out.methods = {attempt(proto::data_method::epsv, method_result::silent),
                   attempt(proto::data_method::pasv, method_result::silent)};
    out.traces = {control_trace(), trace_to(false, 3)};
    return out;
}

TEST(report, text_fits_one_screen_and_marks_the_hop) {
    const auto known = blocked();
    const auto text = report_text(known, judge(known));
    EXPECT_LE(std::ranges::count(text, '\n'), 40);
    EXPECT_THAT(text, HasSubstr("the login works, but no data connection does"));
    EXPECT_THAT(text, HasSubstr("198.51.100.1"));
    EXPECT_THAT(text, HasSubstr("<== here"));
    EXPECT_THAT(text, HasSubstr("data-ports-dropped"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

// A saved run comes from others: each of its texts may have bytes that a terminal interprets.
TEST(report, no_text_of_a_saved_run_reaches_the_terminal_unescaped) {
    const std::string bad =
        "x\x1b[2J\n\x9b"
        "31m";
    auto known = blocked();
    for (auto* const text : {&known.host, &known.source, &known.tls_mode, &known.greeting}) *text = bad;
    known.features = {bad};
    known.phases.push_back({bad, false, 1, bad, 0, bad});
    for (auto* const text : {&known.methods.front().reply, &known.methods.front().detail, &known.methods.front().malformed})
        *text = bad;
    known.lines = {{bad, {{1, false, false}}}};
    known.idle = {{60, bad, bad, 2}};
    known.not_measured = {bad};
    for (const bool complete : {false, true}) {
        const auto text = report_text(known, judge(known), complete);
        EXPECT_THAT(text, Not(HasSubstr("\x1b")));
        EXPECT_THAT(text, Not(HasSubstr("\x9b")));
    }
}

TEST(report, a_healthy_one_is_short) {
    auto known = opened_session();
    known.methods = {attempt(proto::data_method::epsv, method_result::ok)};
    const auto text = report_text(known, judge(known));
    EXPECT_THAT(text, HasSubstr("works"));
    EXPECT_THAT(text, Not(HasSubstr("cause")));
}

TEST(report, an_interrupted_run_is_never_healthy) {
    auto known = opened_session();
    known.methods = {attempt(proto::data_method::epsv, method_result::ok)};
    known.not_measured.emplace_back(rest_of_interrupted_run);
    EXPECT_EQ(overall_of(known, judge(known)), overall::undecided);
    const auto text = report_text(known, judge(known));
    EXPECT_THAT(text, HasSubstr("interrupted; nothing failed so far"));
    EXPECT_THAT(text, Not(HasSubstr(": works")));
}

// As in a transcript of MKD and QUIT.
TEST(report, a_file_without_data_connections_has_no_failure) {
    auto known = opened_session();
    EXPECT_EQ(overall_of(known, judge(known)), overall::undecided);
    known.source = "curl";
    EXPECT_EQ(overall_of(known, judge(known)), overall::healthy);
}

TEST(report, the_headline_names_the_step_that_failed) {
    const auto headline = [](std::string_view name, int code) {
        facts known;
        known.phases = {{"connect", true, 1, {}, 0, {}}, {std::string(name), false, 1, "timeout", code, "no"}};
        const auto text = report_text(known, judge(known));
        return text.substr(0, text.find('\n'));
    };
    EXPECT_THAT(headline("greeting", 0), HasSubstr("no FTP greeting"));
    EXPECT_THAT(headline("greeting", 421), HasSubstr("refuses the session"));
    EXPECT_THAT(headline("tls", 502), HasSubstr("TLS failed"));
    EXPECT_THAT(headline("login", 530), HasSubstr("the login failed"));
    for (const auto* const name : {"greeting", "tls", "login"})
        EXPECT_THAT(headline(name, 0), Not(HasSubstr("cannot connect")));
    facts unknown;
    unknown.phases = {{"resolve", false, 1, "unresolved", 0, "no"}};
    EXPECT_THAT(report_text(unknown, judge(unknown)), HasSubstr("no address"));
}

TEST(report, an_undecided_one_says_what_to_do) {
    auto known = opened_session();
    known.methods = {attempt(proto::data_method::epsv, method_result::failed)};
    EXPECT_EQ(overall_of(known, judge(known)), overall::undecided);
    EXPECT_THAT(report_text(known, judge(known)), HasSubstr("--trace"));
    known.traces = {control_trace()};
    EXPECT_THAT(report_text(known, judge(known)), HasSubstr("--save FILE"));
    known.source = "curl";
    EXPECT_THAT(report_text(known, judge(known)), HasSubstr("sallyport doctor URL"));
}

// D1: what was asked for leaves a line, also if nothing is wrong.
TEST(report, each_comparison_that_was_asked_for_has_a_line) {
    auto known = opened_session();
    known.methods = {attempt(proto::data_method::epsv, method_result::ok)};
    known.rounds.assign(10, {proto::data_method::epsv, 50000, method_result::ok});
    known.idle = {{60, "silent", "alive", {}},
                  {120, "silent", "alive", {}},
                  {300, "silent", "alive", {}},
                  {300, "keepalive", "alive", {}}};
    known.compared.upload = upload_facts{method_result::ok, 226, "226 Done.", {}, {}};
    auto text = report_text(known, judge(known));
    EXPECT_THAT(text, HasSubstr("10 rounds: all worked"));
    EXPECT_THAT(text, HasSubstr("idle 1, 2, 5 minutes: all sessions alive"));
    EXPECT_THAT(text, HasSubstr("upload of 16 KiB: ok"));
    known.rounds.back().result = method_result::refused;
    known.idle[1].result = "reset";
    known.compared.upload->difference = "truncated";
    text = report_text(known, judge(known));
    EXPECT_THAT(text, HasSubstr("10 rounds: 9 worked, 1 failed"));
    EXPECT_THAT(text, HasSubstr("idle 1, 2, 5 minutes: 2 minutes: reset"));
    EXPECT_THAT(text, HasSubstr("upload of 16 KiB: the file that was downloaded again"));
    const auto parsed = boost::json::parse(report_json(known, judge(known))).as_object();
    EXPECT_EQ(parsed.at("comparisons").as_array().size(), 3);
}

TEST(report, json_has_the_schema) {
    const auto known = blocked();
    const auto parsed = boost::json::parse(report_json(known, judge(known))).as_object();
    EXPECT_EQ(parsed.at("schema").to_number<int>(), 1);
    EXPECT_EQ(parsed.at("result").as_string(), "broken");
    EXPECT_EQ(parsed.at("methods").as_array().size(), 2);
    EXPECT_EQ(parsed.at("methods").as_array().at(0).as_object().at("result").as_string(), "silent");
    EXPECT_EQ(parsed.at("path").as_array().size(), test_distance);
    const auto& first = parsed.at("verdict").as_array().at(0).as_object();
    EXPECT_EQ(first.at("side").as_string(), "server");
    EXPECT_EQ(first.at("hop").as_object().at("first").to_number<int>(), 3);
    for (const auto* const key : {"id", "cause", "confidence", "severity", "remedy", "rules", "evidence"})
        EXPECT_TRUE(first.contains(key)) << key;
}

}  // namespace
}  // namespace sallyport::diagnosis
