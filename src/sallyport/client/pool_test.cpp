// Several connections with one server: made on demand, fewer where the server has no room, replaced where they are lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include <sys/resource.h>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/test_sanitizer.hpp>
#include <sallyport/client/lanes.hpp>
#include <sallyport/client/pool_fixture.hpp>
#include <support/eventually.hpp>

namespace sallyport::client {
namespace {

using ::testing::Each;
using testing::hang_up;

/// Gets "file" and forgets it.
net::task<outcome<void>> fetch(session& on, progress on_progress = {}) {
    const memory_file to;
    auto got = co_await on.get("file", to.get(), {}, std::move(on_progress));
    if (!got) co_return std::unexpected(std::move(got.error()));
    co_return outcome<void>{};
}

net::task<> fetch_times(pool& connections, int times, std::vector<outcome<void>>& results) {
    const pool::work what = [](session& on, int /*try_number*/) { return fetch(on); };
    for (int i = 0; i < times; ++i) results.push_back(co_await connections.run(what));
}

/// `lanes` pieces of work at a time, `times` each.
std::size_t fetch_in_lanes(const ftp_stub& server, pool_settings settings, std::size_t lanes, int times,
                           std::vector<outcome<void>>& results, site_facts* learned = nullptr) {
    const pool_work work = [&, times](pool& connections) {
        return run_lanes(connections.home(), lanes, [&, times] { return fetch_times(connections, times, results); });
    };
    return with_pool(server.url(""), std::move(settings), work, learned);
}

long count_of(const ftp_stub& server, std::string_view verb) {
    const auto all = server.commands();
    return std::ranges::count_if(all, [verb](const auto& line) { return line.substr(0, line.find(' ')) == verb; });
}

TEST(client_pool, one_login_serves_many_files) {
    ftp_stub server({});
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, quick_pool(1), 1, 20, results);
    ASSERT_EQ(results.size(), 20U);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
    EXPECT_EQ(count_of(server, "USER"), 1);
    EXPECT_EQ(count_of(server, "TYPE"), 1);
    EXPECT_EQ(count_of(server, "CWD"), 0);
    EXPECT_EQ(count_of(server, "PWD"), 0);
    EXPECT_EQ(count_of(server, "QUIT"), 1);
}

TEST(client_pool, connections_are_made_when_they_are_needed) {
    ftp_stub server({});
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, quick_pool(8), 1, 5, results);
    EXPECT_EQ(count_of(server, "USER"), 1);
}

TEST(client_pool, work_runs_on_several_connections_at_a_time) {
    ftp_stub server({.data_delay = 50ms});
    std::vector<outcome<void>> results;
    EXPECT_EQ(fetch_in_lanes(server, quick_pool(3), 3, 4, results), 3U);
    EXPECT_EQ(results.size(), 12U);
    EXPECT_EQ(server.peak_sessions(), 3);
    EXPECT_EQ(count_of(server, "USER"), 3);
}

TEST(client_pool, a_server_without_room_for_a_third_connection_gets_two) {
    ftp_stub server({.max_sessions = 2, .data_delay = 20ms});
    std::vector<outcome<void>> results;
    EXPECT_EQ(fetch_in_lanes(server, quick_pool(5), 5, 4, results), 2U);
    ASSERT_EQ(results.size(), 20U);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
}

net::task<> make_room(net::loop& home, ftp_stub& server, const std::vector<outcome<void>>& results) {
    while (results.size() < 20) co_await home.sleep_for(5ms);
    server.allow_sessions(100);
}

TEST(client_pool, the_limit_rises_again_when_the_server_has_room) {
    ftp_stub server({.max_sessions = 1, .data_delay = 2ms});
    std::vector<outcome<void>> results;
    auto settings = quick_pool(3);
    settings.raise_after = 10;
    const auto limit = with_pool(server.url(""), std::move(settings), [&](pool& connections) {
        std::size_t next = 0;
        return run_lanes(connections.home(), 4, [&connections, &server, &results, next]() mutable {
            return next++ == 0 ? make_room(connections.home(), server, results) : fetch_times(connections, 100, results);
        });
    });
    EXPECT_EQ(limit, 3U);
    EXPECT_EQ(server.peak_sessions(), 3);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
}

TEST(client_pool, a_server_that_stays_full_serves_all_on_one_connection) {
    ftp_stub server({.max_sessions = 1});
    std::vector<outcome<void>> results;
    auto settings = quick_pool(2);
    settings.raise_after = 10;
    EXPECT_EQ(fetch_in_lanes(server, settings, 2, 80, results), 1U);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
}

// ---- What is known of a server

TEST(client_pool, C2_what_a_run_finds_is_known_at_its_end) {
    behaviour b{.max_sessions = 2, .data_delay = 20ms};
    b.replies["EPSV"] = "500 unknown";
    ftp_stub server(b);
    std::vector<outcome<void>> results;
    site_facts learned;
    fetch_in_lanes(server, quick_pool(4), 4, 4, results, &learned);
    EXPECT_EQ(learned.method, proto::data_method::pasv);
    EXPECT_EQ(learned.connections, 2U);
    EXPECT_FALSE(learned.fails_pipelining);
}

/// Of two pieces of work at a time.
struct overlap {
    std::atomic<bool> first_began = false;
    std::atomic<bool> second_ended = false;
};

net::task<outcome<void>> transfer_nothing(overlap& times) {
    times.first_began = true;
    EXPECT_TRUE(testing::eventually([&times] { return times.second_ended.load(); }));
    co_return outcome<void>{};
}

net::task<outcome<void>> fetch_second(session& on, const overlap& times) {
    EXPECT_TRUE(testing::eventually([&times] { return times.first_began.load(); }));
    auto got = co_await fetch(on);
    co_return got;
}

net::task<> run_overlapping(pool& connections, std::size_t index, overlap& times) {
    const pool::work first = [&times](session& /*on*/, int /*try_number*/) { return transfer_nothing(times); };
    const pool::work second = [&times](session& on, int /*try_number*/) { return fetch_second(on, times); };
    const auto done = co_await connections.run(index == 0 ? first : second);
    EXPECT_TRUE(done);
    if (index == 1) times.second_ended = true;
}

TEST(client_pool, C2_work_without_data_connections_keeps_what_other_work_has_found) {
    behaviour b;
    b.replies["EPSV"] = "500 unknown";
    ftp_stub server(b);
    overlap times;
    const pool_work both = [&times](pool& connections) {
        return run_each(connections.home(), 2, 2,
                        [&](std::size_t index) { return run_overlapping(connections, index, times); });
    };
    site_facts learned;
    with_pool(server.url(""), quick_pool(2), both, &learned);
    EXPECT_EQ(learned.method, proto::data_method::pasv);
}

TEST(client_pool, C2_a_known_limit_is_not_tried_again_at_once) {
    ftp_stub server({.data_delay = 20ms});
    auto settings = quick_pool(4);
    settings.known.connections = 2;
    std::vector<outcome<void>> results;
    site_facts learned;
    EXPECT_EQ(fetch_in_lanes(server, settings, 4, 4, results, &learned), 2U);
    EXPECT_EQ(server.peak_sessions(), 2);
    EXPECT_EQ(learned.connections, 2U);
}

TEST(client_pool, C2_a_known_limit_that_is_wrong_is_corrected) {
    ftp_stub server({.data_delay = 1ms});
    auto settings = quick_pool(2);
    settings.raise_after = 5;
    settings.known.connections = 1;
    std::vector<outcome<void>> results;
    site_facts learned;
    EXPECT_EQ(fetch_in_lanes(server, settings, 3, 30, results, &learned), 2U);
    EXPECT_EQ(learned.connections, std::nullopt);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
}

TEST(client_pool, C2_a_server_that_is_known_to_fail_pipelining_is_served_without) {
    ftp_stub server({});
    auto settings = quick_pool(1);
    settings.known.fails_pipelining = true;
    std::vector<outcome<void>> results;
    site_facts learned;
    fetch_in_lanes(server, settings, 1, 5, results, &learned);
    EXPECT_EQ(count_of(server, "EPSV"), 5);
    EXPECT_TRUE(learned.fails_pipelining);
}

// ---- Pipelining

TEST(client_pool, C3_the_next_data_connection_is_asked_for_with_the_transfer) {
    ftp_stub server({});
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, quick_pool(1), 1, 10, results);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
    EXPECT_EQ(count_of(server, "EPSV"), 11);
    EXPECT_EQ(count_of(server, "RETR"), 10);
}

TEST(client_pool, C3_a_server_that_cannot_bear_it_is_served_without) {
    behaviour b;
    // It refuses the transfer, and answers what follows as if it had not.
    b.replies["FINAL"] = "450 data transfer in progress";
    ftp_stub server(b);
    std::vector<outcome<void>> results;
    site_facts learned;
    fetch_in_lanes(server, quick_pool(1), 1, 3, results, &learned);
    ASSERT_EQ(results.size(), 3U);
    EXPECT_TRUE(learned.fails_pipelining);
    // Alone, the refusal is that of the transfer.
    for (const auto& r : results) EXPECT_EQ(r.error().reply_code, 450);
    EXPECT_EQ(count_of(server, "USER"), 2);
    EXPECT_EQ(count_of(server, "RETR"), 4);
}

TEST(client_pool, a_refusal_at_the_login_counts_as_no_room) {
    behaviour b;
    b.replies["PASS"] = "530 Sorry, the maximum number of clients (0) for this user are already connected.";
    ftp_stub server(b);
    auto settings = quick_pool(2);
    settings.tries = 3;
    std::vector<outcome<void>> results;
    EXPECT_EQ(fetch_in_lanes(server, settings, 2, 1, results), 1U);
    ASSERT_EQ(results.size(), 2U);
    for (const auto& r : results) {
        ASSERT_FALSE(r);
        EXPECT_EQ(r.error().reason, refusal::too_many);
    }
}

TEST(client_pool, a_wrong_password_is_not_tried_for_each_file) {
    behaviour b;
    b.replies["PASS"] = "530 Login incorrect.";
    ftp_stub server(b);
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, quick_pool(3), 3, 10, results);
    ASSERT_EQ(results.size(), 30U);
    for (const auto& r : results) EXPECT_EQ(r.error().reply_code, 530);
    EXPECT_LE(count_of(server, "PASS"), 3);
}

TEST(client_pool, work_that_loses_its_connection_is_begun_again) {
    ftp_stub server({.transfers_per_session = 3});
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, quick_pool(2), 2, 8, results);
    ASSERT_EQ(results.size(), 16U);
    EXPECT_THAT(results, Each(::testing::Truly([](const auto& r) { return r.has_value(); })));
    EXPECT_GT(count_of(server, "USER"), 2);
}

TEST(client_pool, a_connection_that_is_always_lost_is_a_failure_after_some_tries) {
    behaviour b;
    b.replies["RETR"] = hang_up;
    ftp_stub server(b);
    auto settings = quick_pool(1);
    settings.tries = 3;
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, settings, 1, 1, results);
    ASSERT_FALSE(results.at(0));
    EXPECT_EQ(results.at(0).error().cause.code, errc::closed);
    EXPECT_EQ(count_of(server, "RETR"), 3);
}

TEST(client_pool, a_refusal_is_not_repeated_and_keeps_the_connection) {
    behaviour b;
    b.replies["RETR"] = "550 no such file";
    ftp_stub server(b);
    std::vector<outcome<void>> results;
    fetch_in_lanes(server, quick_pool(1), 1, 3, results);
    EXPECT_EQ(count_of(server, "RETR"), 3);
    EXPECT_EQ(count_of(server, "USER"), 1);
    EXPECT_EQ(results.at(2).error().reply_code, 550);
}

net::task<> fetch_without_descriptors(pool& connections, std::vector<outcome<void>>& results) {
    // The home loop opens its own descriptors when it first waits.
    co_await connections.home().sleep_for(1ms);
    ::rlimit usual{};
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
    auto none = usual;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const at_exit restore([&usual] { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0); });
    co_await fetch_times(connections, 1, results);
}

TEST(client_pool, a_machine_without_room_for_a_connection_is_the_cause_of_a_failure) {
    if (testing::is_sanitized)
        GTEST_SKIP() << "UBSan needs a pipe to look at an object, and takes it for broken without one";
    ftp_stub server({});
    std::vector<outcome<void>> results;
    with_pool(server.url(""), quick_pool(2),
              [&](pool& connections) { return fetch_without_descriptors(connections, results); });
    ASSERT_EQ(results.size(), 1U);
    ASSERT_FALSE(results[0]);
    EXPECT_EQ(results[0].error().cause.code, errc::exhausted);
    EXPECT_NE(results[0].error().text().find("Too many open files"), std::string::npos) << results[0].error().text();
    EXPECT_FALSE(server.saw("USER"));
}

net::task<> sleep_and_count(net::loop& l, int& ended) {
    co_await l.sleep_for(20ms);
    ++ended;
}

net::task<> start_two_of_three(net::loop& l, int& ended, int& ended_at_exception) {
    int made = 0;
    try {
        co_await run_lanes(l, 3, [&] {
            if (++made == 3) throw std::runtime_error("no memory");
            return sleep_and_count(l, ended);
        });
    } catch (const std::runtime_error&) {
        ended_at_exception = ended;
    }
}

TEST(client_lanes, those_that_were_started_end_before_an_exception_leaves) {
    net::loop_group loops(1);
    int ended = 0;
    int ended_at_exception = -1;
    loops.run_until_done(start_two_of_three(loops.at(0), ended, ended_at_exception));
    EXPECT_EQ(ended_at_exception, 2);
}

/// When two transfers have begun.
/// Gets "file", and counts its transfer once data arrive.
net::task<> fetch_and_count(pool& connections, std::atomic<int>& moving, std::vector<outcome<void>>& results) {
    const pool::work what = [&moving](session& on, int /*try_number*/) {
        return fetch(on, [&moving, counted = false](std::uint64_t done, std::optional<std::uint64_t> /*size*/) mutable {
            if (done > 0 && !std::exchange(counted, true)) ++moving;
        });
    };
    results.push_back(co_await connections.run(what));
}

net::task<> cancel_when_busy(pool& connections, const std::atomic<int>& moving) {
    while (moving < 2) co_await connections.home().sleep_for(1ms);
    connections.cancel();
}

net::task<> interrupt_between(pool& connections, std::vector<outcome<void>>& results) {
    std::atomic<int> moving = 0;
    co_await fetch_and_count(connections, moving, results);
    connections.interrupt();
    co_await fetch_and_count(connections, moving, results);
    connections.resume();
    co_await fetch_and_count(connections, moving, results);
}

TEST(client_pool, goes_on_after_an_interruption_with_the_connection_that_had_no_work) {
    ftp_stub server(behaviour{});
    std::vector<outcome<void>> results;
    with_pool(server.url(""), quick_pool(1), [&](pool& connections) { return interrupt_between(connections, results); });
    ASSERT_EQ(results.size(), 3U);
    EXPECT_TRUE(results[0]);
    ASSERT_FALSE(results[1]);
    EXPECT_EQ(results[1].error().cause.code, errc::cancelled);
    EXPECT_TRUE(results[2]) << results[2].error().text();
    const auto commands = server.commands();
    EXPECT_EQ(std::ranges::count_if(commands, [](const auto& line) { return line.starts_with("USER"); }), 1);
}

TEST(client_pool, everything_ends_at_a_cancellation) {
    behaviour b;
    b.ends = testing::data_end::stays_open;
    b.no_226 = true;
    ftp_stub server(b);
    std::vector<outcome<void>> results;
    std::atomic<int> moving = 0;
    auto how = quick_pool(2);
    how.session_options = [](net::loop& /*l*/) {
        auto slow = quick();
        slow.stall = slow.reply = 60s;
        return slow;
    };
    const auto start = std::chrono::steady_clock::now();
    with_pool(server.url(""), how, [&](pool& connections) {
        connections.home().spawn("cancelling", cancel_when_busy(connections, moving));
        return run_lanes(connections.home(), 4, [&] { return fetch_and_count(connections, moving, results); });
    });
    EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
    ASSERT_EQ(results.size(), 4U);
    for (const auto& r : results) {
        ASSERT_FALSE(r);
        EXPECT_EQ(r.error().cause.code, errc::cancelled) << r.error().text();
    }
    EXPECT_TRUE(testing::eventually([&server] { return server.saw("ABOR"); }));
}

}  // namespace
}  // namespace sallyport::client
