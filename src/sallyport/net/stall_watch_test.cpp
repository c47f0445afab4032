#include <sallyport/net/stall_watch.hpp>

#include <optional>

#include <gtest/gtest.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {
namespace {

constexpr deadline begin{1000s};

/// One wait from `begin` on, in which `per_second` bytes are transferred, with the checks of a stream. Returns when the
/// transfer was found to be stalled.
std::optional<clock::duration> stalls_after(stall_rule rule, double per_second, clock::duration at_most = 1000s) {
    stall_watch watch(rule);
    watch.wait_started(begin);
    for (deadline now = begin; now - begin < at_most;) {
        now = watch.next_check(now);
        const double passed = per_second * std::chrono::duration<double>(now - begin).count();
        (void)watch.check_progress(3, static_cast<std::uint64_t>(passed), now);
        if (watch.stalled(now)) return now - begin;
    }
    return std::nullopt;
}

TEST(stall_watch, counts_the_mean_rate_and_not_single_bytes) {  // DC-05
    const stall_rule rule{.window = 60s, .bytes_per_second = 32};
    EXPECT_EQ(stalls_after(rule, 0), 60s);
    EXPECT_EQ(stalls_after(rule, 1), 60s);
    EXPECT_EQ(stalls_after(rule, 31), 60s);
    EXPECT_FALSE(stalls_after(rule, 33));
    EXPECT_FALSE(stalls_after(rule, 1e9));
}

TEST(stall_watch, with_a_rate_of_zero_any_byte_is_progress) {
    const stall_rule rule{.window = 60s, .bytes_per_second = 0};
    EXPECT_EQ(stalls_after(rule, 0), 60s);
    EXPECT_FALSE(stalls_after(rule, 0.02));
}

TEST(stall_watch, a_stop_after_a_fast_transfer_is_found_within_the_window) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.wait_started(begin);
    deadline now = begin;
    std::uint64_t transferred = 0;
    while (now - begin < 100s) {
        now = watch.next_check(now);
        (void)watch.check_progress(3, transferred += 1'000'000, now);
        ASSERT_FALSE(watch.stalled(now));
    }
    const deadline stop = now;
    do {
        now = watch.next_check(now);
        (void)watch.check_progress(3, transferred, now);
    } while (!watch.stalled(now));
    EXPECT_GE(now - stop, 60s);
    EXPECT_LE(now - stop, 62s);
}

TEST(stall_watch, only_waiting_for_a_peer_counts) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    deadline now = begin;
    // A second of waiting for the peer, then an hour for the disk.
    for (int i = 0; i < 59; ++i) {
        watch.wait_started(now);
        watch.wait_finished(now += 1s);
        now += 1h;
    }
    watch.wait_started(now);
    EXPECT_FALSE(watch.stalled(now));
    EXPECT_EQ(watch.next_check(now), now + 1s);
    EXPECT_TRUE(watch.stalled(now + 1s));
}

TEST(stall_watch, waits_of_both_directions_count_once) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.wait_started(begin);
    watch.wait_started(begin + 10s);
    watch.wait_finished(begin + 40s);
    EXPECT_FALSE(watch.stalled(begin + 59s));
    EXPECT_TRUE(watch.stalled(begin + 60s));
}

TEST(stall_watch, bytes_of_either_connection_are_progress_and_are_not_added_up) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.wait_started(begin);
    // The bytes of one connection are the bytes of the other: 20 bytes per second on each are not 40.
    for (int s = 1; s <= 60; ++s) {
        (void)watch.check_progress(3, static_cast<std::uint64_t>(20 * s), begin + std::chrono::seconds(s));
        (void)watch.check_progress(4, static_cast<std::uint64_t>(20 * s), begin + std::chrono::seconds(s));
    }
    EXPECT_TRUE(watch.stalled(begin + 60s));
    EXPECT_TRUE(watch.check_progress(4, 5000, begin + 60s));
    EXPECT_FALSE(watch.stalled(begin + 60s));
}

TEST(stall_watch, a_rate_limit_pause_is_excluded_while_the_other_direction_waits) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    // There is no wait, so nothing is excluded.
    watch.exclude(1h);
    watch.wait_started(begin);
    watch.exclude(30s);
    EXPECT_FALSE(watch.stalled(begin + 89s));
    EXPECT_TRUE(watch.stalled(begin + 90s));
}

TEST(stall_watch, names_the_rule_that_was_broken) {
    EXPECT_EQ(stall_watch({.window = 60s, .bytes_per_second = 32}).text(), "fewer than 32 bytes per second for 60 s");
    EXPECT_EQ(stall_watch({.window = 1500ms, .bytes_per_second = 0}).text(), "no progress for 1.5 s");
}

// With connections.

class stall_test : public net_test {};

/// Sends `size` bytes every 20 ms, until the peer has closed or `count` pieces were sent; then the end.
task<bool> send_slowly(loop& l, stream& to, std::size_t size, int count) {
    const std::string piece(size, 'x');
    for (int i = 0; i < count; ++i) {
        const auto sent = co_await to.write_all(piece, soon());
        if (!sent) co_return false;
        co_await l.sleep_for(20ms);
    }
    const auto ended = co_await to.shutdown_send(1s);
    co_return ended.has_value();
}

task<bool> receive_slowly(loop& l, stream& from, std::size_t size) {
    std::vector<char> buffer(size);
    for (;;) {
        const auto got = co_await from.read_some(buffer, soon());
        if (!got || *got == 0) co_return got.has_value();
        co_await l.sleep_for(20ms);
    }
}

task<std::string> receive_a_drip(loop& l, std::uint64_t min_rate) {
    auto [client, server] = co_await make_stream_pair(l);
    concurrent_task sending(l, send_slowly(l, client, 1, 100));
    stall_watch watch({.window = 500ms, .bytes_per_second = min_rate});
    std::array<char, 512> buffer;
    result<std::size_t> got = 1U;
    while (got && *got > 0) got = co_await server.read_some(buffer, watch.limit());
    server.abort();
    (void)co_await sending.get();
    co_return got ? "all" : std::string(name(got.error().code));
}

TEST_F(stall_test, a_drip_is_no_progress_unless_any_byte_is) {  // DC-05
    EXPECT_EQ(run(receive_a_drip(test_loop(), 1000)), "timeout");
    EXPECT_EQ(run(receive_a_drip(test_loop(), 0)), "all");
}

// A full send buffer is reported as writable again when a third of it is free. This receiver needs longer than the window
// for that.
task<bool> send_to_a_slow_receiver(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    set_option(client.native_handle(), SOL_SOCKET, SO_SNDBUF, 4 << 20);
    set_option(server.native_handle(), SOL_SOCKET, SO_RCVBUF, 64 * 1024);
    concurrent_task taking(l, receive_slowly(l, server, 32 * 1024));
    stall_watch watch({.window = 300ms, .bytes_per_second = 100'000});
    const std::string much(std::size_t{5} << 20U, 'x');
    const auto sent = co_await client.write_all(much, watch.limit());
    client.close();
    co_return co_await taking.get() && sent;
}

TEST_F(stall_test, what_the_peer_acknowledges_is_progress_while_nothing_can_be_written) {
    EXPECT_TRUE(run(send_to_a_slow_receiver(test_loop())));
}

task<relay_result> relay_pieces(loop& l, token_bucket* rate_limit, std::size_t piece, int count, stall_rule rule) {
    auto client_leg = co_await make_stream_pair(l);
    auto backend_leg = co_await make_stream_pair(l);
    concurrent_task sending(l, send_slowly(l, backend_leg.server, piece, count));
    concurrent_task taking(l, read_to_end(client_leg.client));
    stall_watch watch(rule);
    relay_counts counts;
    const auto outcome = co_await relay(client_leg.server, backend_leg.client, watch.limit(), counts, relay_flow::b_to_a,
                                        {.b_to_a = rate_limit});
    client_leg.server.close();
    backend_leg.client.close();
    (void)co_await sending.get();
    (void)co_await taking.get();
    co_return outcome.result;
}

TEST_F(stall_test, a_relay_distinguishes_a_drip_from_a_slow_sender) {
    EXPECT_EQ(run(relay_pieces(test_loop(), nullptr, 1, 30, {.window = 300ms, .bytes_per_second = 1000})),
              relay_result::stalled);
    EXPECT_EQ(run(relay_pieces(test_loop(), nullptr, 100, 30, {.window = 300ms, .bytes_per_second = 1000})),
              relay_result::complete);
}

TEST_F(stall_test, a_low_rate_limit_is_no_stall) {
    token_bucket rate_limit(4000, 400);
    // All bytes are there at once, so the relay waits for the rate limit alone: 1.4 s.
    EXPECT_EQ(run(relay_pieces(test_loop(), &rate_limit, 6000, 1, {.window = 500ms, .bytes_per_second = 20'000})),
              relay_result::complete);
}

}  // namespace
}  // namespace sallyport::net
