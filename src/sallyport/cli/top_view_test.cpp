#include <sallyport/cli/top_view.hpp>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/cli/display_text.hpp>
#include <sallyport/status/status_json.hpp>

namespace sallyport::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

[[nodiscard]] status::session_report session_of(const std::string& id, const std::string& user, const std::string& client,
                                                std::chrono::milliseconds age) {
    return {.id = id, .client = *endpoint::parse(client), .user = user, .logged_in = true, .age = age, .idle = 7s};
}

[[nodiscard]] status::running_transfer transfer_of(std::string path, std::uint64_t bytes, std::chrono::milliseconds age,
                                                   bool upload = false) {
    return {.verb = upload ? "STOR" : "RETR", .path = std::move(path), .upload = upload, .bytes = bytes, .age = age};
}

[[nodiscard]] status::daemon_snapshot watched_server() {
    status::daemon_snapshot d{.name = "sallyport serve", .pid = 17, .uptime = 3h, .listening = {}};
    auto one = session_of("a-1", "bob", "192.0.2.7:4000", 90s);
    one.transfer = transfer_of("/pub/large.iso", 10'000'000, 10s);
    auto two = session_of("a-2", "anna", "198.51.100.9:4001", 10min);
    two.transfer = transfer_of("/in/report.csv", 3'000'000, 2s, true);
    const auto three = session_of("a-3", "carol", "[2001:db8::1]:5000", 5h);
    d.sessions.sessions = {one, two, three};
    d.counted.sessions_open = 3;
    d.counted.transfers_running = 2;
    return d;
}

[[nodiscard]] std::vector<std::string> lines_of(const status::daemon_snapshot& d, screen_size size = {100, 24},
                                                const top_view& view = {}) {
    const auto status = status::status_json(d);
    return render_top(status, mean_rates(status), size, view).lines;
}

/// The first words of the lines of the table.
[[nodiscard]] std::vector<std::string> users_of(const std::vector<std::string>& lines) {
    std::vector<std::string> out;
    for (const auto& line : lines)
        for (const auto* user : {"bob", "anna", "carol"})
            if (line.contains(std::string(" ") + user + " ") || line.starts_with(std::string(user) + " "))
                out.emplace_back(user);
    return out;
}

[[nodiscard]] top_view filtered(const std::string& text) {
    return {.filter = *top_filter::parse(text), .filter_text = text};
}

TEST(TopView, ShowsTheSessionsOfAServer_G12) {
    const auto lines = lines_of(watched_server(), {120, 24});
    ASSERT_EQ(lines.size(), 24U);
    EXPECT_EQ(lines[0],
              "sallyport serve, process 17, up 3 h 0 min: 3 sessions, 2 transfers, 976.6 KiB/s sent, 1.4 MiB/s received");
    EXPECT_EQ(lines[1], "Sorted by rate");
    EXPECT_THAT(lines[2], StartsWith("SESSION    USER     CLIENT "));
    EXPECT_THAT(lines[3],
                testing::AllOf(HasSubstr("anna"), HasSubstr("198.51.100.9 "), HasSubstr(" 10m "), HasSubstr("STOR"),
                               HasSubstr("2.9 MiB"), HasSubstr("1.4 MiB/s"), HasSubstr("/in/report.csv")));
    EXPECT_THAT(lines[4], testing::AllOf(HasSubstr("bob"), HasSubstr("RETR"), HasSubstr("/pub/large.iso")));
    EXPECT_THAT(lines[5],
                testing::AllOf(HasSubstr("carol"), HasSubstr("[2001:db8::1]"), HasSubstr(" 7s "), Not(HasSubstr("/s"))));
    EXPECT_THAT(lines[23], StartsWith("q quit"));
}

TEST(TopView, HasTheBackendsOfAGateway) {
    auto gateway = watched_server();
    gateway.backends = status::pool_snapshot{};
    gateway.sessions.sessions[0].backend = "ftp://10.0.0.5:21";
    const auto lines = lines_of(gateway, {140, 24});
    EXPECT_THAT(lines[2], HasSubstr("BACKEND"));
    EXPECT_THAT(lines[4], HasSubstr("ftp://10.0.0.5:21"));
}

TEST(TopView, SortsByEachKey) {
    const auto order = [](top_order by, bool reversed = false) {
        return users_of(lines_of(watched_server(), {120, 24}, {.order = by, .reversed = reversed}));
    };
    EXPECT_THAT(order(top_order::rate), ElementsAre("anna", "bob", "carol"));
    EXPECT_THAT(order(top_order::rate, true), ElementsAre("carol", "bob", "anna"));
    EXPECT_THAT(order(top_order::bytes), ElementsAre("bob", "anna", "carol"));
    EXPECT_THAT(order(top_order::age), ElementsAre("carol", "anna", "bob"));
    EXPECT_THAT(order(top_order::idle), ElementsAre("carol", "bob", "anna")) << "those with a transfer are not idle";
    EXPECT_THAT(order(top_order::user), ElementsAre("anna", "bob", "carol"));
    EXPECT_THAT(order(top_order::client), ElementsAre("bob", "anna", "carol"));
}

TEST(TopView, ShowsWhatTheFilterPermits) {
    const auto lines = lines_of(watched_server(), {120, 24}, filtered("client=192.0.2."));
    EXPECT_THAT(users_of(lines), ElementsAre("bob"));
    EXPECT_EQ(lines[1], "Sorted by rate; 1 of 3 sessions with client=192.0.2.");
    EXPECT_THAT(users_of(lines_of(watched_server(), {120, 24}, filtered("user=a"))), ElementsAre("anna", "carol"));
    EXPECT_THAT(users_of(lines_of(watched_server(), {120, 24}, filtered("user=a client=2001:"))), ElementsAre("carol"));
    EXPECT_THAT(users_of(lines_of(watched_server(), {120, 24}, filtered("bob"))), ElementsAre("bob"));
    EXPECT_TRUE(users_of(lines_of(watched_server(), {120, 24}, filtered("backend=10."))).empty());
    EXPECT_EQ(top_filter::parse("name=bob").error().code, errc::usage);
}

TEST(TopView, FitsEachSize) {
    auto gateway = watched_server();
    gateway.backends = status::pool_snapshot{};
    gateway.sessions.sessions[0].transfer->path = "/" + std::string(500, 'x');
    gateway.sessions.sessions[1].user = std::string(500, 'u');
    gateway.sessions.sessions[2].user = "\xe6\x96\x87\xe5\xad\x97\xe6\x96\x87\xe5\xad\x97\xe6\x96\x87\xe5\xad\x97";
    for (std::size_t columns = 0; columns < 250; ++columns) {
        for (const std::size_t rows : {0U, 1U, 3U, 4U, 5U, 6U, 24U}) {
            const auto lines = lines_of(gateway, {columns, rows});
            EXPECT_EQ(lines.size(), rows);
            for (const auto& line : lines) EXPECT_LE(columns_of(line), columns) << line;
        }
    }
}

TEST(TopView, KeepsTheImportantColumnsWhenNarrow) {
    const auto lines = lines_of(watched_server(), {60, 24});
    for (const auto* title : {"USER", "CLIENT", "VERB", "RATE", "PATH"}) EXPECT_THAT(lines[2], HasSubstr(title));
    EXPECT_THAT(lines[2], Not(HasSubstr("SESSION")));
    EXPECT_THAT(lines[3],
                testing::AllOf(StartsWith("anna "), HasSubstr("198.51.100.9"), HasSubstr("1.4 MiB/s"), HasSubstr("/in/")));
    EXPECT_THAT(lines[23], HasSubstr("sort: r t a i u c b"));
}

TEST(TopView, Scrolls) {
    status::daemon_snapshot d = watched_server();
    d.sessions.sessions.clear();
    for (int i = 10; i < 40; ++i)
        d.sessions.sessions.push_back(session_of("a-" + std::to_string(i), "bob", "192.0.2.7:4000", 1s));
    const auto status = status::status_json(d);
    const auto at = [&](std::size_t skipped) {
        return render_top(status, {}, {120, 14}, {.order = top_order::user, .skipped = skipped});
    };
    EXPECT_EQ(at(0).matching, 30U);
    EXPECT_EQ(at(0).page, 10U);
    EXPECT_THAT(at(0).lines[3], StartsWith("a-10 "));
    EXPECT_THAT(at(5).lines[3], StartsWith("a-15 "));
    EXPECT_THAT(at(1000).lines[12], StartsWith("a-39 ")) << "the last page is full";
    EXPECT_THAT(at(1000).lines[3], StartsWith("a-30 "));
}

// IN-09
TEST(TopView, HostileNamesAreHarmless) {
    auto d = watched_server();
    d.sessions.sessions[0].user = "\x1b]0;title\x07 bob";
    d.sessions.sessions[0].transfer->path =
        "/a\x1b[2J\r\n\x9b"
        "31m\xe2\x80\xae";
    auto status = status::status_json(d);
    // Also if the daemon is another program that has not escaped them.
    auto& raw = status.at("sessions").get_array()[1].get_object().at("transfer").get_object();
    raw["path"] = "/b\x1b[2J\x9b";
    raw["verb"] = "\x1b[H";
    auto& session = status.at("sessions").get_array()[1].get_object();
    session["id"] = "a\x1b[2J";
    session["client"] = "\x1b[2J:4000";
    session["backend"] = "\x1b[2J";
    status["name"] = "sallyport\x1b[2J";
    const auto shown = render_top(status, mean_rates(status), {200, 24}, {.filter_text = "\x1b[2J", .message = "\x1b[2J"});
    for (const auto& line : shown.lines)
        for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
}

TEST(TopRates, AreThoseBetweenTwoStates) {
    auto before = watched_server();
    auto now = watched_server();
    now.sessions.sessions[0].transfer = transfer_of("/pub/large.iso", 14'000'000, 12s);
    auto rates = rates_between(status::status_json(before), status::status_json(now), 2s);
    EXPECT_DOUBLE_EQ(rates.at("a-1"), 2'000'000);
    EXPECT_DOUBLE_EQ(rates.at("a-2"), 0) << "nothing has moved";
    EXPECT_FALSE(rates.contains("a-3"));
}

TEST(TopRates, OfANewTransferAreItsMean) {
    const auto before = status::status_json(watched_server());
    const auto rate_of_first = [&](const status::running_transfer& t) {
        auto now = watched_server();
        now.sessions.sessions[0].transfer = t;
        return rates_between(before, status::status_json(now), 2s).at("a-1");
    };
    EXPECT_DOUBLE_EQ(rate_of_first(transfer_of("/pub/other", 20'000'000, 10s)), 2'000'000) << "another file";
    EXPECT_DOUBLE_EQ(rate_of_first(transfer_of("/pub/large.iso", 500'000, 500ms)), 1'000'000) << "the same file again";
    auto forwarded = transfer_of("/pub/large.iso", 0, 12s);
    forwarded.bytes.reset();
    auto now = watched_server();
    now.sessions.sessions[0].transfer = forwarded;
    EXPECT_FALSE(rates_between(before, status::status_json(now), 2s).contains("a-1")) << "its bytes are not counted";
    EXPECT_DOUBLE_EQ(rates_between(before, before, 0s).at("a-1"), 1'000'000) << "no time has passed";
}

}  // namespace
}  // namespace sallyport::cli
