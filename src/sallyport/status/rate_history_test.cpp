#include <sallyport/status/rate_history.hpp>

#include <gtest/gtest.h>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace sallyport::status {
namespace {

using namespace std::chrono_literals;

constexpr rate_history::clock::time_point first_sample{};

[[nodiscard]] std::string series(const rate_history& of, std::string_view name) {
    return boost::json::serialize(of.json().at(name));
}

TEST(RateHistory, G12_HasTheGrowthPerSecond) {
    rate_history history;
    history.add({.bytes_received = 100, .bytes_sent = 1000, .transfers_failed = 4, .sessions = 7, .transfers = 2},
                first_sample);
    EXPECT_EQ(series(history, "sessions"), "[]") << "one reading is no rate";
    history.add({.bytes_received = 300, .bytes_sent = 1000, .transfers_failed = 5, .sessions = 9, .transfers = 3},
                first_sample + 20s);
    EXPECT_EQ(series(history, "received_per_second"), "[1E1]");
    EXPECT_EQ(series(history, "sent_per_second"), "[0E0]");
    EXPECT_EQ(series(history, "sessions"), "[9]");
    EXPECT_EQ(series(history, "transfers"), "[3]");
    EXPECT_EQ(series(history, "transfers_failed"), "[1]");
}

TEST(RateHistory, HasNoNegativeRate) {
    rate_history history;
    history.add({.bytes_sent = 1000}, first_sample);
    history.add({.bytes_sent = 900}, first_sample + 10s);
    history.add({.bytes_sent = 1900}, first_sample + 20s);
    EXPECT_EQ(series(history, "sent_per_second"), "[0E0,1E2]");
}

TEST(RateHistory, KeepsOneHour) {
    rate_history history;
    for (unsigned i = 0; i <= rate_history::max_samples + 1; ++i)
        history.add({.sessions = i}, first_sample + i * rate_history::interval);
    const auto kept = history.json().at("sessions").as_array();
    ASSERT_EQ(kept.size(), rate_history::max_samples);
    EXPECT_EQ(kept.front(), 2) << "the oldest one is dropped";
    EXPECT_EQ(kept.back(), rate_history::max_samples + 1);
}

TEST(RateHistory, CountsRunningTransfers) {
    counter_snapshot counted;
    counted.bytes_sent = 10;
    session_snapshot running;
    running.sessions.resize(3);
    running.sessions[0].transfer = running_transfer{.verb = {}, .path = {}, .client_method = {}, .bytes = 5};
    running.sessions[1].transfer = running_transfer{.verb = {}, .path = {}, .upload = true, .client_method = {}, .bytes = 7};
    running.sessions[2].transfer = running_transfer{.verb = {}, .path = {}, .client_method = {}};
    const auto totals = totals_of(counted, running);
    EXPECT_EQ(totals.bytes_sent, 15U);
    EXPECT_EQ(totals.bytes_received, 7U);
}

}  // namespace
}  // namespace sallyport::status
