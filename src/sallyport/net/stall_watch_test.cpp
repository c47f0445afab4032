#include <sallyport/net/stall_watch.hpp>

#include <optional>

#include <gtest/gtest.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {
namespace {

constexpr deadline begin{1000s};

/// One wait from `begin` on, in which `per_second` bytes pass, looked at as a stream does. When it was found to be stalled.
std::optional<clock::duration> stalls_after(stall_rule rule, double per_second, clock::duration at_most = 1000s) {
    stall_watch watch(rule);
    watch.wait_begins(begin);
    for (deadline now = begin; now - begin < at_most;) {
        now = watch.next_look(now);
        const double passed = per_second * std::chrono::duration<double>(now - begin).count();
        (void)watch.look(3, static_cast<std::uint64_t>(passed), now);
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

TEST(stall_watch, a_rate_of_nothing_takes_any_byte_for_progress) {
    const stall_rule rule{.window = 60s, .bytes_per_second = 0};
    EXPECT_EQ(stalls_after(rule, 0), 60s);
    EXPECT_FALSE(stalls_after(rule, 0.02));
}

TEST(stall_watch, a_stop_after_much_is_found_in_its_time) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.wait_begins(begin);
    deadline now = begin;
    std::uint64_t carried = 0;
    while (now - begin < 100s) {
        now = watch.next_look(now);
        (void)watch.look(3, carried += 1'000'000, now);
        ASSERT_FALSE(watch.stalled(now));
    }
    const deadline stop = now;
    do {
        now = watch.next_look(now);
        (void)watch.look(3, carried, now);
    } while (!watch.stalled(now));
    EXPECT_GE(now - stop, 60s);
    EXPECT_LE(now - stop, 62s);
}

TEST(stall_watch, only_waiting_for_a_peer_counts) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    deadline now = begin;
    for (int i = 0; i < 59; ++i) {  // a second of waiting, an hour for the disk
        watch.wait_begins(now);
        watch.wait_ends(now += 1s);
        now += 1h;
    }
    watch.wait_begins(now);
    EXPECT_FALSE(watch.stalled(now));
    EXPECT_EQ(watch.next_look(now), now + 1s);
    EXPECT_TRUE(watch.stalled(now + 1s));
}

TEST(stall_watch, waits_of_both_directions_count_once) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.wait_begins(begin);
    watch.wait_begins(begin + 10s);
    watch.wait_ends(begin + 40s);
    EXPECT_FALSE(watch.stalled(begin + 59s));
    EXPECT_TRUE(watch.stalled(begin + 60s));
}

TEST(stall_watch, bytes_of_either_connection_are_progress_and_are_not_added_up) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.wait_begins(begin);
    // What one side has sent is what the other has got: 20 bytes a second on each are not 40.
    for (int s = 1; s <= 60; ++s) {
        (void)watch.look(3, static_cast<std::uint64_t>(20 * s), begin + std::chrono::seconds(s));
        (void)watch.look(4, static_cast<std::uint64_t>(20 * s), begin + std::chrono::seconds(s));
    }
    EXPECT_TRUE(watch.stalled(begin + 60s));
    EXPECT_TRUE(watch.look(4, 5000, begin + 60s));
    EXPECT_FALSE(watch.stalled(begin + 60s));
}

TEST(stall_watch, a_pause_of_our_own_is_excused_where_the_other_direction_waits) {
    stall_watch watch({.window = 60s, .bytes_per_second = 32});
    watch.excuse(1h);  // nobody waits: there is nothing to excuse
    watch.wait_begins(begin);
    watch.excuse(30s);
    EXPECT_FALSE(watch.stalled(begin + 89s));
    EXPECT_TRUE(watch.stalled(begin + 90s));
}

TEST(stall_watch, says_which_rule_was_broken) {
    EXPECT_EQ(stall_watch({.window = 60s, .bytes_per_second = 32}).text(), "fewer than 32 bytes a second for 60 s");
    EXPECT_EQ(stall_watch({.window = 1500ms, .bytes_per_second = 0}).text(), "no progress for 1.5 s");
}

// With connections.

class stall_test : public net_test {};

/// `size` bytes every 20 ms, until the other side is gone or `count` pieces have left; then the end.
task<bool> send_slowly(loop& l, stream& to, std::size_t size, int count) {
    const std::string piece(size, 'x');
    for (int i = 0; i < count; ++i) {
        const auto sent = co_await to.write_all(piece, soon());
        if (!sent) co_return false;
        co_await l.sleep_for(20ms);
    }
    const auto ended = co_await to.finish_sending(1s);
    co_return ended.has_value();
}

task<bool> take_slowly(loop& l, stream& from, std::size_t size) {
    std::vector<char> buffer(size);
    for (;;) {
        const auto got = co_await from.read_some(buffer, soon());
        if (!got || *got == 0) co_return got.has_value();
        co_await l.sleep_for(20ms);
    }
}

task<std::string> receive_a_drip(loop& l, std::uint64_t least) {
    auto [client, server] = co_await make_pair_of_streams(l);
    background sending(l, send_slowly(l, client, 1, 100));
    stall_watch watch({.window = 500ms, .bytes_per_second = least});
    std::array<char, 512> buffer;
    result<std::size_t> got = 1U;
    while (got && *got > 0) got = co_await server.read_some(buffer, watch.limit());
    server.abort();
    (void)co_await sending.get();
    co_return got ? "all" : std::string(name(got.error().code));
}

TEST_F(stall_test, a_drip_is_no_progress_unless_any_byte_is) {  // DC-05
    EXPECT_EQ(run(receive_a_drip(here(), 1000)), "timeout");
    EXPECT_EQ(run(receive_a_drip(here(), 0)), "all");
}

// A full send buffer is reported as writable again when a third of it is free. To empty that takes this receiver longer than
// the window.
task<bool> send_to_a_slow_receiver(loop& l) {
    auto [client, server] = co_await make_pair_of_streams(l);
    set_option(client.native_handle(), SOL_SOCKET, SO_SNDBUF, 4 << 20);
    set_option(server.native_handle(), SOL_SOCKET, SO_RCVBUF, 64 * 1024);
    background taking(l, take_slowly(l, server, 32 * 1024));
    stall_watch watch({.window = 300ms, .bytes_per_second = 100'000});
    const std::string much(std::size_t{5} << 20U, 'x');
    const auto sent = co_await client.write_all(much, watch.limit());
    client.close();
    co_return co_await taking.get() && sent;
}

TEST_F(stall_test, what_the_peer_acknowledges_is_progress_while_nothing_can_be_written) {
    EXPECT_TRUE(run(send_to_a_slow_receiver(here())));
}

task<relay_end> relay_slowly(loop& l, token_bucket* pace, std::size_t piece, stall_rule rule) {
    auto front = co_await make_pair_of_streams(l);
    auto back = co_await make_pair_of_streams(l);
    background sending(l, send_slowly(l, back.server, piece, 30));
    background taking(l, read_to_end(front.client));
    stall_watch watch(rule);
    relay_counts counts;
    const auto outcome =
        co_await relay(front.server, back.client, watch.limit(), counts, relay_flow::b_to_a, {.b_to_a = pace});
    front.server.close();
    back.client.close();
    (void)co_await sending.get();
    (void)co_await taking.get();
    co_return outcome.end;
}

TEST_F(stall_test, a_relay_tells_a_drip_from_a_slow_sender) {
    EXPECT_EQ(run(relay_slowly(here(), nullptr, 1, {.window = 300ms, .bytes_per_second = 1000})), relay_end::stalled);
    EXPECT_EQ(run(relay_slowly(here(), nullptr, 100, {.window = 300ms, .bytes_per_second = 1000})), relay_end::complete);
}

TEST_F(stall_test, a_rate_limit_of_ours_is_no_stall_however_low_it_is) {
    token_bucket pace(4000, 400);
    EXPECT_EQ(run(relay_slowly(here(), &pace, 200, {.window = 200ms, .bytes_per_second = 50'000})), relay_end::complete);
}

}  // namespace
}  // namespace sallyport::net
