#include <sallyport/net/relay_pump_test.hpp>

namespace sallyport::net {
namespace {

class relay_test : public net_test, public testing::WithParamInterface<tls_legs> {
protected:
    tls_kit kit{test_loop()};
};

task<relay_outcome> relay_and_close(stream& a, stream& b, relay_counts& counts, clock::duration progress) {
    auto outcome = co_await relay(a, b, {.progress = progress, .total = clock::now() + 20s}, counts);
    a.close();
    b.close();
    co_return outcome;
}

task<bool> write_everything(stream& s, std::string_view bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    co_return written.has_value();
}

task<relay_outcome> relay_with_flow(stream& a, stream& b, relay_counts& counts, relay_flow flow) {
    auto outcome = co_await relay(a, b, soon(), counts, flow);
    a.close();
    b.close();
    co_return outcome;
}

task<bool> download(tls_kit& t, loop& l, tls_legs tls, std::size_t size) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const auto bytes = sample_bytes(size);
    concurrent_task sending(l, send_and_finish(made.backend, bytes));
    const auto got = co_await read_to_end(made.client);
    made.client.close();
    const bool sent = co_await sending.get();
    const auto outcome = co_await relaying.get();
    EXPECT_EQ(outcome.result, relay_result::complete) << outcome.cause.text();
    EXPECT_EQ(counts.b_to_a, size);
    EXPECT_EQ(counts.a_to_b, 0U);
    co_return sent&& got == bytes;
}

TEST_P(relay_test, G1_completes_a_transfer) {
    for (const std::size_t size : {0UL, 1UL, 1024UL, 65'536UL, 7'000'003UL}) {
        EXPECT_TRUE(run(download(kit, test_loop(), GetParam(), size))) << size;
    }
}

task<clock::duration> download_at(tls_kit& t, loop& l, tls_legs tls, double per_second, std::size_t size) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    token_bucket bucket(per_second, per_second / 10);
    const auto bytes = sample_bytes(size);
    concurrent_task sending(l, send_and_finish(made.backend, bytes));
    concurrent_task receiving(l, read_to_end(made.client));
    const auto begun = clock::now();
    const auto outcome = co_await relay(made.a, made.b, {.progress = 10s, .total = clock::now() + 20s}, counts,
                                        relay_flow::b_to_a, {.b_to_a = &bucket});
    const auto duration = clock::now() - begun;
    made.a.close();
    const auto got = co_await receiving.get();
    EXPECT_TRUE(co_await sending.get());
    EXPECT_EQ(outcome.result, relay_result::complete);
    EXPECT_EQ(got, bytes);
    co_return duration;
}

// Also above the size from which plain bytes are spliced.
TEST_P(relay_test, respects_a_rate_limit) {
    const auto duration = run(download_at(kit, test_loop(), GetParam(), 1'000'000, 400'000));
    EXPECT_GE(duration, 250ms);
    EXPECT_LE(duration, 2s);
}

task<> read_all_and_close_later(loop& l, stream& s, clock::duration wait) {
    (void)co_await read_to_end(s);
    co_await l.sleep_for(wait);
    s.close();
}

task<clock::duration> upload_received_at_once(tls_kit& t, loop& l, tls_legs tls, clock::duration receiver_stays) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto all = co_await send_and_finish(made.client, "all");
    EXPECT_TRUE(all);
    l.spawn("the receiver", read_all_and_close_later(l, made.backend, receiver_stays));
    const auto begun = clock::now();
    const auto outcome =
        co_await relay(made.a, made.b, {.progress = 10s, .total = clock::now() + 20s}, counts, relay_flow::a_to_b);
    EXPECT_EQ(outcome.result, relay_result::complete);
    co_return clock::now() - begun;
}

// If the relay closed at once, the receiver's TLS 1.3 messages would get a reset, and the receiver would lose bytes that it
// has not read. Without TLS there is nothing to wait for.
TEST_P(relay_test, TLS05_waits_briefly_for_the_receiver_if_all_data_was_there_at_once) {
    if (GetParam().client_leg || GetParam().backend_leg) {
        EXPECT_GE(run(upload_received_at_once(kit, test_loop(), GetParam(), 40ms)), 35ms);
    } else {
        EXPECT_LT(run(upload_received_at_once(kit, test_loop(), GetParam(), 500ms)), 90ms);
    }
}

task<std::size_t> memory_leased_by_an_idle_relay(tls_kit& t, loop& l, tls_legs tls) {
    const std::size_t all = large_buffers().left();
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a));
    const auto bytes = sample_bytes(1'000'000);
    concurrent_task sending(l, write_everything(made.backend, bytes));
    std::vector<char> buffer(8 * 1024);
    for (std::size_t received = 0; received < bytes.size();) {
        const auto got = co_await made.client.read_some(buffer, soon());
        EXPECT_TRUE(got && *got > 0);
        received += got.value_or(bytes.size());
    }
    EXPECT_TRUE(co_await sending.get());
    const auto leased = all - large_buffers().left();
    const auto ended = co_await made.backend.shutdown_send(1s);
    const auto rest = co_await read_to_end(made.client);
    const auto outcome = co_await relaying.get();
    EXPECT_TRUE(ended && rest && outcome.result == relay_result::complete);
    co_return leased;
}

// OpenSSL's buffer for reading several records of a leg, 64 KiB, is leased until the peers are slow.
TEST_P(relay_test, RX03_an_idle_relay_leases_no_memory_for_what_it_will_send) {
    EXPECT_LE(run(memory_leased_by_an_idle_relay(kit, test_loop(), GetParam())), 128U * 1024);
}

task<bool> download_to_a_sending_receiver(tls_kit& t, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto written = co_await made.client.write_all("unsolicited bytes", soon());
    const bool sent = co_await send_and_finish(made.backend, "all there is");
    const auto outcome = co_await relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a);
    const auto got = co_await read_to_end(made.client);
    co_return written&& sent&& got == "all there is" && outcome.result == relay_result::complete;
}

// Closing with unread bytes would send a reset, and the receiver would lose what it has not read.
TEST_P(relay_test, with_known_flow_reads_what_a_receiver_sends) {
    EXPECT_TRUE(run(download_to_a_sending_receiver(kit, GetParam())));
}

task<relay_outcome> download_to_a_closed_receiver(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const bool sent = co_await send_and_finish(made.backend, "all there is");
    EXPECT_TRUE(sent);
    made.client.abort();
    co_await l.sleep_for(20ms);
    co_return co_await relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a);
}

TEST_P(relay_test, with_known_flow_notices_a_closed_receiver_if_all_data_was_there_at_once) {
    EXPECT_EQ(run(download_to_a_closed_receiver(kit, test_loop(), GetParam())).result, relay_result::a_failed);
}

task<bool> both_ways(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const auto first = co_await made.client.write_all("x", soon());
    std::array<char, 8> one;
    const auto seen = co_await made.backend.read_some(one, soon());
    const auto replied = co_await made.backend.write_all("y", soon());
    const auto ended = co_await made.client.shutdown_send(1s);
    const auto end = co_await made.backend.read_some(one, soon());
    const auto bytes = sample_bytes(300'000);
    concurrent_task sending(l, send_and_finish(made.backend, bytes));
    const auto got = co_await read_to_end(made.client);
    const bool sent = co_await sending.get();
    const auto outcome = co_await relaying.get();
    co_return first&& seen&& replied&& ended&& end && *end == 0 &&
        sent&& got == "y" + bytes&& outcome.result == relay_result::complete;
}

TEST_P(relay_test, passes_on_the_end_of_one_direction_while_the_other_continues) {
    EXPECT_TRUE(run(both_ways(kit, test_loop(), GetParam())));
}

task<bool> late_upload_to_a_closed_backend(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    std::array<char, 16> asked{};
    const auto asking = co_await made.client.write_all("hello", soon());
    const auto received = co_await made.backend.read_some(asked, soon());
    const bool sent = co_await send_and_finish(made.backend, sample_bytes(100'000));
    const auto got = co_await read_to_end(made.client);
    made.backend.close();
    const auto parting = co_await made.client.write_all("bye", soon());
    const auto ended = co_await made.client.shutdown_send(1s);
    const auto outcome = co_await relaying.get();
    co_return asking&& received&& sent&& parting&& ended&& got && got->size() == 100'000 &&
        outcome.result == relay_result::complete;
}

// With TLS some servers close early too: the client's close_notify arrives after they have closed.
TEST_P(relay_test, is_complete_if_the_last_bytes_are_for_a_closed_peer) {
    EXPECT_TRUE(run(late_upload_to_a_closed_backend(kit, test_loop(), GetParam())));
}

task<clock::duration> upload(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const bool sent = co_await send_and_finish(made.client, "small");
    const auto start = clock::now();
    const auto got = co_await read_to_end(made.backend);
    const auto outcome = co_await relaying.get();
    co_return sent&& got == "small" && outcome.result == relay_result::complete ? clock::now() - start : 1h;
}

TEST_P(relay_test, finishes_soon_if_the_receiver_never_closes) { EXPECT_LT(run(upload(kit, test_loop(), GetParam())), 2s); }

task<bool> cut(tls_kit& t, loop& l, tls_legs tls, std::size_t before_the_cut) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const auto written = co_await made.backend.write_all(sample_bytes(before_the_cut), soon());
    std::array<char, 512> some;
    const auto seen = co_await made.client.read_some(some, soon());
    made.backend.abort();
    const auto rest = co_await read_to_end(made.client);
    const auto outcome = co_await relaying.get();
    co_return written&& seen && !rest && outcome.result == relay_result::b_failed && outcome.cause.code == errc::reset;
}

TEST_P(relay_test, a_reset_in_the_middle_resets_the_other_side) {
    EXPECT_TRUE(run(cut(kit, test_loop(), GetParam(), 1000)));
    EXPECT_TRUE(run(cut(kit, test_loop(), GetParam(), 200'000)));
}

task<relay_outcome> vanish(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    concurrent_task sending(l, send_and_finish(made.backend, sample_bytes(20'000'000)));
    std::array<char, 512> some;
    const auto seen = co_await made.client.read_some(some, soon());
    made.client.abort();
    const bool sent = co_await sending.get();
    EXPECT_TRUE(seen && !sent);
    co_return co_await relaying.get();
}

TEST_P(relay_test, a_receiver_that_aborts_resets_the_sender) {
    EXPECT_EQ(run(vanish(kit, test_loop(), GetParam())).result, relay_result::a_failed);
}

task<relay_outcome> stalled_transfer(tls_kit& t, loop&, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto written = co_await made.client.write_all("and then nothing", soon());
    EXPECT_TRUE(written);
    co_return co_await relay_and_close(made.a, made.b, counts, 100ms);
}

TEST_P(relay_test, a_transfer_without_progress_is_stalled) {
    EXPECT_EQ(run(stalled_transfer(kit, test_loop(), GetParam())).result, relay_result::stalled);
}

// The receiver ends its own direction before the first byte arrives, as some clients do in a download.
task<bool> download_half_closed(tls_kit& t, loop& l, tls_legs tls, std::string bytes) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a));
    const auto ended = co_await made.client.shutdown_send(1s);
    co_await l.sleep_for(150ms);
    concurrent_task sending(l, send_and_finish(made.backend, bytes));
    const auto got = co_await read_to_end(made.client);
    const bool sent = co_await sending.get();
    const auto outcome = co_await relaying.get();
    co_return ended&& sent&& got == bytes&& outcome.result == relay_result::complete;
}

TEST_P(relay_test, with_known_flow_waits_for_the_sender_if_the_receiver_has_finished_its_direction) {
    EXPECT_TRUE(run(download_half_closed(kit, test_loop(), GetParam(), "late")));
    EXPECT_TRUE(run(download_half_closed(kit, test_loop(), GetParam(), "")));
}

// The sender closes before the relay can end the silent direction to it.
task<bool> download_from_a_sender_that_closes(tls_kit& t, loop& l, tls_legs tls, std::string bytes) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const bool sent = co_await send_and_finish(made.backend, bytes);
    made.backend.close();
    concurrent_task relaying(l, relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a));
    const auto got = co_await read_to_end(made.client);
    made.client.close();
    const auto outcome = co_await relaying.get();
    co_return sent&& got == bytes&& outcome.result == relay_result::complete;
}

TEST_P(relay_test, with_known_flow_accepts_a_sender_that_closes_after_its_last_byte) {
    EXPECT_TRUE(run(download_from_a_sender_that_closes(kit, test_loop(), GetParam(), "all there is")));
}

// With TLS a client waits for close_notify after its upload, whatever the backend does.
task<bool> upload_to_a_receiver_that_never_closes(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_with_flow(made.a, made.b, counts, relay_flow::a_to_b));
    const bool sent = co_await send_and_finish(made.client, "small");
    const auto answer = co_await read_to_end(made.client);
    const auto outcome = co_await relaying.get();
    co_return sent&& answer == "" && outcome.result == relay_result::complete;
}

TEST_P(relay_test, with_known_flow_shuts_down_the_silent_direction_too) {
    EXPECT_TRUE(run(upload_to_a_receiver_that_never_closes(kit, test_loop(), GetParam())));
}

task<relay_outcome> download_to_a_receiver_that_aborts(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a));
    made.client.abort();
    auto outcome = co_await relaying.get();
    co_return outcome;
}

TEST_P(relay_test, with_known_flow_ends_if_the_receiver_aborts) {
    EXPECT_EQ(run(download_to_a_receiver_that_aborts(kit, test_loop(), GetParam())).result, relay_result::a_failed);
}

// curl closes once it has the number of bytes from SIZE (none for an empty file), and does not wait for the end.
task<relay_outcome> download_to_a_receiver_that_knows_the_size(tls_kit& t, loop& l, tls_legs tls, std::string bytes) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_with_flow(made.a, made.b, counts, relay_flow::b_to_a));
    const auto sent = co_await made.backend.write_all(bytes, soon());
    std::string got;
    std::array<char, 64> block;
    while (sent && got.size() < bytes.size()) {
        const auto n = co_await made.client.read_some(block, soon());
        if (!n || *n == 0) break;
        got.append(block.data(), *n);
    }
    EXPECT_EQ(got, bytes);
    co_await made.client.shutdown_send(1s);
    // The relay has passed on the client's end.
    const auto end = co_await made.backend.read_some(block, soon());
    EXPECT_TRUE(end && *end == 0);
    made.client.abort();
    co_await made.backend.shutdown_send(1s);
    auto outcome = co_await relaying.get();
    co_return outcome;
}

TEST_P(relay_test, with_known_flow_accepts_a_receiver_that_closes_with_all_bytes) {
    EXPECT_EQ(run(download_to_a_receiver_that_knows_the_size(kit, test_loop(), GetParam(), "all there is")).result,
              relay_result::complete);
    EXPECT_EQ(run(download_to_a_receiver_that_knows_the_size(kit, test_loop(), GetParam(), "")).result,
              relay_result::complete);
}

// A large, fast transfer: with TLS on the client leg and a plain backend leg, the pieces become large.
constexpr std::size_t much = 24'000'000;

TEST_P(relay_test, G1_completes_a_large_transfer) { EXPECT_TRUE(run(download(kit, test_loop(), GetParam(), much))); }

task<bool> write_and_stay(stream& s, std::string bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    co_return written.has_value();
}

/// The bytes that arrive until the stream ends or fails.
task<std::string> read_until_end_or_error(stream& s) {
    std::string all;
    std::vector<char> buffer(64 * 1024);
    for (;;) {
        const auto n = co_await s.read_some(buffer, soon());
        if (!n || *n == 0) co_return all;
        all.append(buffer.data(), *n);
    }
}

task<std::string> read_at_least(stream& s, std::size_t size) {
    std::string all;
    std::vector<char> buffer(64 * 1024);
    while (all.size() < size) {
        const auto n = co_await s.read_some(buffer, soon());
        if (!n || *n == 0) break;
        all.append(buffer.data(), *n);
    }
    co_return all;
}

enum class failure_kind : std::uint8_t { sender_aborts, receiver_aborts, sender_stalls, owner_cancels };

/// The outcome, if the bytes that arrived are a prefix of those that were sent.
task<std::optional<relay_outcome>> failing_download(tls_kit& t, loop& l, tls_legs tls, failure_kind failure) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto bytes = sample_bytes(much);
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 300ms));
    concurrent_task sending(l, write_and_stay(made.backend, bytes));
    auto got = co_await read_at_least(made.client, much / 2);
    if (failure == failure_kind::sender_aborts) made.backend.abort();
    if (failure == failure_kind::receiver_aborts) made.client.abort();
    if (failure == failure_kind::owner_cancels) made.b.abort();
    if (failure != failure_kind::receiver_aborts) got += co_await read_until_end_or_error(made.client);
    auto outcome = co_await relaying.get();
    co_await sending.get();
    const bool so_far = bytes.starts_with(got) && counts.b_to_a <= counts.received_from_b && counts.received_from_b <= much;
    const bool all = failure != failure_kind::sender_stalls || got == bytes;
    co_return so_far&& all ? std::optional(outcome) : std::nullopt;
}

TEST_P(relay_test, G8_never_calls_an_interrupted_large_transfer_complete) {
    const auto broken = run(failing_download(kit, test_loop(), GetParam(), failure_kind::sender_aborts));
    ASSERT_TRUE(broken);
    EXPECT_EQ(broken->result, relay_result::b_failed);
    const auto aborted = run(failing_download(kit, test_loop(), GetParam(), failure_kind::receiver_aborts));
    ASSERT_TRUE(aborted);
    EXPECT_EQ(aborted->result, relay_result::a_failed);
    const auto stalled = run(failing_download(kit, test_loop(), GetParam(), failure_kind::sender_stalls));
    ASSERT_TRUE(stalled);
    EXPECT_EQ(stalled->result, relay_result::stalled);
    const auto cancelled = run(failing_download(kit, test_loop(), GetParam(), failure_kind::owner_cancels));
    ASSERT_TRUE(cancelled);
    EXPECT_NE(cancelled->result, relay_result::complete);
}

task<> transfer(tls_kit& t, loop& l, tls_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    concurrent_task sending(l, send_and_finish(made.backend, sample_bytes(200'000)));
    const auto got = co_await read_to_end(made.client);
    EXPECT_TRUE(got);
    co_await sending.get();
    co_await relaying.get();
}

TEST_P(relay_test, leaves_no_descriptor_open) {
    run(transfer(kit, test_loop(), GetParam()));
    const auto before = open_descriptors();
    for (int i = 0; i < 5; ++i) run(transfer(kit, test_loop(), GetParam()));
    EXPECT_EQ(open_descriptors(), before);
}

INSTANTIATE_TEST_SUITE_P(relay, relay_test,
                         testing::Values(tls_legs{false, false}, tls_legs{true, false}, tls_legs{false, true},
                                         tls_legs{true, true}),
                         [](const auto& p) {
                             return std::string(p.param.client_leg ? "tls_" : "plain_") +
                                    (p.param.backend_leg ? "tls" : "plain");
                         });

}  // namespace
}  // namespace sallyport::net
