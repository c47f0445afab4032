#include <sallyport/ops/control.hpp>

#include <chrono>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/json/parse.hpp>

#include <sallyport/ops/control_client.hpp>
#include <sallyport/ops/test_loop.hpp>
#include <sallyport/ops/test_service.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

net::task<> answer_into(std::shared_ptr<const control_actions> actions, std::string request, std::string* into) {
    *into = co_await answer_request(std::move(actions), std::move(request), ::geteuid());
}

net::task<result<std::string>> repeat(json::object request) {
    co_return R"({"word":")" + std::string(request.at("word").get_string()) + "\"}";
}
net::task<result<std::string>> refuse() { co_return fail(errc::rejected, "not now"); }

class Control : public loop_test {
protected:
    ~Control() override {
        stop();
        fs::remove_all(directory);
    }
    [[nodiscard]] std::string answer(std::string request) {
        std::string out;
        loops.run_until_done(answer_into(std::make_shared<const control_actions>(actions), std::move(request), &out));
        return out;
    }
    [[nodiscard]] std::string error_of(std::string request) {
        return std::string(json::parse(answer(std::move(request))).at("error").get_string());
    }
    [[nodiscard]] std::string path(const std::string& name = "test.sock") const {
        fs::create_directories(directory);
        return (directory / name).string();
    }

    const fs::path directory = fs::temp_directory_path() / fmt::format("sallyport-control-{}", ::getpid());
    net::worker_pool disk{1};
    status::counters counters;
    control_actions actions{{"repeat", [](const json::object& request) { return repeat(request); }},
                            {"refuse", [](const json::object&) { return refuse(); }}};
};

TEST_F(Control, RunsTheCommandOfTheRequest) {
    EXPECT_EQ(answer(R"({"command": "repeat", "word": "a"})"), R"({"word":"a"})");
    EXPECT_EQ(error_of(R"({"command": "refuse"})").substr(0, 7), "not now");
}

TEST_F(Control, RefusesChangesOnAReadOnlySocket_G12) {
    actions.emplace("status", [](const json::object&) { return refuse(); });
    actions = read_only(actions);
    EXPECT_EQ(error_of(R"({"command": "status"})").substr(0, 7), "not now") << "it is asked";
    EXPECT_NE(error_of(R"({"command": "repeat", "word": "a"})").find("\"repeat\" needs the daemon's control socket"),
              std::string::npos);
    EXPECT_EQ(error_of(R"({"command": "dance"})"), "this daemon has no command \"dance\"");
}

TEST_F(Control, ReportsInvalidRequests) {
    for (const char* request :
         {"", "status", "{", "[]", "{}", R"({"command": 1})", R"({"do": "repeat"})", R"({"command": ""})"})
        EXPECT_NE(error_of(request).find("a request is a JSON object with a command"), std::string::npos) << request;
    EXPECT_EQ(error_of(R"({"command": "dance\n"})"), "this daemon has no command \"dance\\x0a\"");
}

TEST_F(Control, ShowsTheStatus) {
    test_service service(loops, {.listen = {*endpoint::parse("127.0.0.1:0")}}, counters);
    ASSERT_TRUE(service.start());
    status::count(counters.bytes_sent, 5);
    const auto source =
        std::make_shared<status_source>(status_source{.name = "sallyport test", .service = service, .counters = counters});
    source->draining = true;
    actions = {{"status", status_action(loops.at(0), disk, source)}};
    const auto shown = json::parse(answer(R"({"command": "status"})"));
    EXPECT_EQ(shown.at("name"), "sallyport test");
    EXPECT_EQ(shown.at("pid"), ::getpid());
    EXPECT_EQ(shown.at("draining"), true);
    EXPECT_EQ(shown.at("complete"), true);
    EXPECT_EQ(shown.at("listening").at(0).get_string(), service.endpoints().at(0).text());
    EXPECT_EQ(shown.at("totals").at("bytes_sent"), 5);
    EXPECT_FALSE(shown.get_object().contains("backends"));
}

TEST_F(Control, ChangesWhetherNewSessionsAreWanted_G12) {
    test_service service(loops, {.listen = {*endpoint::parse("127.0.0.1:0")}}, counters);
    const auto source =
        std::make_shared<status_source>(status_source{.name = "sallyport test", .service = service, .counters = counters});
    actions = {{"drain", readiness_action(source, false, true)}, {"ready", readiness_action(source, true, true)}};
    EXPECT_TRUE(source->is_ready());
    EXPECT_NE(answer(R"({"command": "drain"})").find("/readyz is 503 until 'ready'"), std::string::npos);
    EXPECT_FALSE(source->is_ready());
    EXPECT_NE(answer(R"({"command": "ready"})").find("/readyz is 200"), std::string::npos);
    EXPECT_TRUE(source->is_ready());
    source->stopping = true;
    EXPECT_NE(error_of(R"({"command": "ready"})").find("stopping"), std::string::npos);
    actions = {{"drain", readiness_action(source, false, false)}};
    EXPECT_NE(error_of(R"({"command": "drain"})").find("--metrics"), std::string::npos);
}

TEST_F(Control, RefusesUnknownAddressesAndSessions) {
    test_service service(loops, {.listen = {*endpoint::parse("127.0.0.1:0")}}, counters);
    ASSERT_TRUE(service.start());
    actions = {{"forgive", forgive_action(service.sessions())}, {"kick", kick_action(loops.at(0), service.sessions())}};
    EXPECT_NE(error_of(R"({"command": "forgive", "address": "somewhere"})").find("\"somewhere\" is not an IP address"),
              std::string::npos);
    EXPECT_NE(error_of(R"({"command": "forgive", "address": "192.0.2.1"})").find("192.0.2.1 has no login penalty"),
              std::string::npos);
    EXPECT_NE(error_of(R"({"command": "kick", "session": "a-1\n"})").find("no session has the id \"a-1\\x0a\""),
              std::string::npos);
    EXPECT_NE(error_of(R"({"command": "kick"})").find("no session has the id \"\""), std::string::npos);
}

TEST_F(Control, AnswersOverItsSocket) {
    auto opened = open_control(loops.at(0), {.place = {.path = path()}, .required = true, .reason_absent = {}}, actions);
    ASSERT_TRUE(opened && *opened);
    run();
    const auto good = send_control_request(path(), {{"command", "repeat"}, {"word", "b"}}, 5s);
    ASSERT_TRUE(good) << good.error().text();
    EXPECT_EQ(good->at("word"), "b");
    const auto refused = send_control_request(path(), {{"command", "refuse"}}, 5s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::rejected);
    stop();
}

TEST_F(Control, CanBeOptional) {
    EXPECT_FALSE(*open_control(loops.at(0), {.place = {}, .required = true, .reason_absent = {}}, actions));
    EXPECT_FALSE(*open_control(loops.at(0), {.place = {}, .required = false, .reason_absent = "no place"}, actions));
    auto first = open_control(loops.at(0), {.place = {.path = path()}, .required = true, .reason_absent = {}}, actions);
    ASSERT_TRUE(first && *first);
    // The socket belongs to another daemon.
    EXPECT_EQ(
        open_control(loops.at(0), {.place = {.path = path()}, .required = true, .reason_absent = {}}, actions).error().code,
        errc::exists);
    const auto second =
        open_control(loops.at(0), {.place = {.path = path()}, .required = false, .reason_absent = {}}, actions);
    ASSERT_TRUE(second);
    EXPECT_FALSE(*second);
    EXPECT_TRUE(
        *open_control(loops.at(0), {.place = {.path = path()}, .required = true, .reason_absent = {}}, actions, true));
}

TEST(ControlAnswer, OfAnotherProgramIsNoAnswer) {
    EXPECT_EQ(read_control_answer(R"({"lines": []})")->size(), 1U);
    EXPECT_EQ(read_control_answer(R"({"error": "not now"})").error().code, errc::rejected);
    for (const char* answer : {"", "220 ready", "[]", R"({"error": 1})", R"({"error": null})"})
        EXPECT_EQ(read_control_answer(answer).error().code, errc::unexpected) << answer;
}

TEST_F(Control, ClientReportsWhatIsMissing) {
    const auto none = send_control_request(path("none.sock"), {}, 1s);
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().what.find("no daemon is running at " + path("none.sock") + "; start it"), std::string::npos);
    EXPECT_EQ(send_control_request(std::string(200, 'x'), {}, 1s).error().code, errc::too_long);
    const auto silent =
        open_control(loops.at(0), {.place = {.path = path()}, .required = true, .reason_absent = {}}, actions);
    ASSERT_TRUE(silent);
    EXPECT_EQ(send_control_request(path(), {{"command", "repeat"}}, 1s).error().code, errc::timeout)
        << "its loop does not run";
}

}  // namespace
}  // namespace sallyport::ops
