#include <sallyport/net/relay_pump_test.hpp>

namespace sallyport::net {
namespace {

class relay_test : public net_test, public testing::WithParamInterface<tls_of_legs> {
protected:
    tls_kit kit{here()};
};

task<relay_outcome> relay_and_close(stream& a, stream& b, relay_counts& counts, clock::duration progress) {
    auto outcome = co_await relay(a, b, {.progress = progress, .total = clock::now() + 20s}, counts);
    a.close();
    b.close();
    co_return outcome;
}

task<relay_outcome> relay_known(stream& a, stream& b, relay_counts& counts, relay_flow flow) {
    auto outcome = co_await relay(a, b, soon(), counts, flow);
    a.close();
    b.close();
    co_return outcome;
}

task<bool> download(tls_kit& t, loop& l, tls_of_legs tls, std::size_t size) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const auto bytes = sample_bytes(size);
    background sending(l, send_and_end(made.backend, bytes));
    const auto got = co_await read_to_end(made.client);
    made.client.close();
    const bool sent = co_await sending.get();
    const auto outcome = co_await relaying.get();
    co_return sent&& got == bytes&& outcome.end == relay_end::complete&& counts.b_to_a == size&& counts.a_to_b == 0;
}

TEST_P(relay_test, G1_carries_a_transfer_to_its_end) {
    for (const std::size_t size : {0UL, 1UL, 1024UL, 65'536UL, 7'000'003UL}) {
        EXPECT_TRUE(run(download(kit, here(), GetParam(), size))) << size;
    }
}

task<clock::duration> download_at(tls_kit& t, loop& l, tls_of_legs tls, double per_second, std::size_t size) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    token_bucket bucket(per_second, per_second / 10);
    const auto bytes = sample_bytes(size);
    background sending(l, send_and_end(made.backend, bytes));
    background receiving(l, read_to_end(made.client));
    const auto begun = clock::now();
    const auto outcome = co_await relay(made.a, made.b, {.progress = 10s, .total = clock::now() + 20s}, counts,
                                        relay_flow::b_to_a, {.b_to_a = &bucket});
    const auto took = clock::now() - begun;
    made.a.close();
    const auto got = co_await receiving.get();
    EXPECT_TRUE(co_await sending.get());
    EXPECT_EQ(outcome.end, relay_end::complete);
    EXPECT_EQ(got, bytes);
    co_return took;
}

// Also past the size from which plain bytes are spliced.
TEST_P(relay_test, keeps_to_a_pace) {
    const auto took = run(download_at(kit, here(), GetParam(), 1'000'000, 400'000));
    EXPECT_GE(took, 250ms);
    EXPECT_LE(took, 2s);
}

task<> take_all_and_close_later(loop& l, stream& s, clock::duration wait) {
    (void)co_await read_to_end(s);
    co_await l.sleep_for(wait);
    s.close();
}

task<clock::duration> upload_that_came_at_once(tls_kit& t, loop& l, tls_of_legs tls, clock::duration receiver_stays) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto all = co_await send_and_end(made.client, "all");
    EXPECT_TRUE(all);
    l.spawn("the receiver", take_all_and_close_later(l, made.backend, receiver_stays));
    const auto begun = clock::now();
    const auto outcome =
        co_await relay(made.a, made.b, {.progress = 10s, .total = clock::now() + 20s}, counts, relay_flow::a_to_b);
    EXPECT_EQ(outcome.end, relay_end::complete);
    co_return clock::now() - begun;
}

// Who closes at once meets the receiver's TLS 1.3 tickets with a reset, and what it has not read by then is lost. In the
// clear there is nothing to wait for.
TEST_P(relay_test, TLS05_gives_the_receiver_its_moment_where_all_was_there_at_once) {
    if (GetParam().front || GetParam().back) {
        EXPECT_GE(run(upload_that_came_at_once(kit, here(), GetParam(), 40ms)), 35ms);
    } else {
        EXPECT_LT(run(upload_that_came_at_once(kit, here(), GetParam(), 500ms)), 90ms);
    }
}

task<bool> download_to_a_talker(tls_kit& t, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto said = co_await made.client.write_all("what nobody asked for", soon());
    const bool sent = co_await send_and_end(made.backend, "all there is");
    const auto outcome = co_await relay_known(made.a, made.b, counts, relay_flow::b_to_a);
    const auto got = co_await read_to_end(made.client);
    co_return said&& sent&& got == "all there is" && outcome.end == relay_end::complete;
}

// Closing with its bytes unread would be a reset, and what it has not read by then would be lost.
TEST_P(relay_test, of_known_flow_reads_what_a_receiver_has_to_say) {
    EXPECT_TRUE(run(download_to_a_talker(kit, GetParam())));
}

task<relay_outcome> download_to_one_who_left_before(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const bool sent = co_await send_and_end(made.backend, "all there is");
    EXPECT_TRUE(sent);
    made.client.abort();
    co_await l.sleep_for(20ms);
    co_return co_await relay_known(made.a, made.b, counts, relay_flow::b_to_a);
}

TEST_P(relay_test, of_known_flow_sees_that_the_receiver_is_gone_where_all_was_there_at_once) {
    EXPECT_EQ(run(download_to_one_who_left_before(kit, here(), GetParam())).end, relay_end::a_failed);
}

task<bool> both_ways(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const auto first = co_await made.client.write_all("x", soon());
    std::array<char, 8> one;
    const auto seen = co_await made.backend.read_some(one, soon());
    const auto back = co_await made.backend.write_all("y", soon());
    const auto ended = co_await made.client.finish_sending(1s);
    const auto end = co_await made.backend.read_some(one, soon());
    const auto bytes = sample_bytes(300'000);
    background sending(l, send_and_end(made.backend, bytes));
    const auto got = co_await read_to_end(made.client);
    const bool sent = co_await sending.get();
    const auto outcome = co_await relaying.get();
    co_return first&& seen&& back&& ended&& end && *end == 0 &&
        sent&& got == "y" + bytes&& outcome.end == relay_end::complete;
}

TEST_P(relay_test, passes_on_the_end_of_one_direction_while_the_other_goes_on) {
    EXPECT_TRUE(run(both_ways(kit, here(), GetParam())));
}

task<bool> parting_word(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    std::array<char, 16> asked{};
    const auto asking = co_await made.client.write_all("hello", soon());
    const auto heard = co_await made.backend.read_some(asked, soon());
    const bool sent = co_await send_and_end(made.backend, sample_bytes(100'000));
    const auto got = co_await read_to_end(made.client);
    made.backend.close();
    const auto parting = co_await made.client.write_all("bye", soon());
    const auto ended = co_await made.client.finish_sending(1s);
    const auto outcome = co_await relaying.get();
    co_return asking&& heard&& sent&& parting&& ended&& got && got->size() == 100'000 && outcome.end == relay_end::complete;
}

// So do servers under TLS that nobody here reads: the client's close_notify comes when they are gone.
TEST_P(relay_test, is_complete_where_the_last_word_is_for_one_who_has_left) {
    EXPECT_TRUE(run(parting_word(kit, here(), GetParam())));
}

task<clock::duration> upload(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const bool sent = co_await send_and_end(made.client, "small");
    const auto start = clock::now();
    const auto got = co_await read_to_end(made.backend);
    const auto outcome = co_await relaying.get();
    co_return sent&& got == "small" && outcome.end == relay_end::complete ? clock::now() - start : 1h;
}

TEST_P(relay_test, is_over_soon_where_the_receiver_never_ends) { EXPECT_LT(run(upload(kit, here(), GetParam())), 2s); }

task<bool> cut(tls_kit& t, loop& l, tls_of_legs tls, std::size_t before_the_cut) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    const auto written = co_await made.backend.write_all(sample_bytes(before_the_cut), soon());
    std::array<char, 512> some;
    const auto seen = co_await made.client.read_some(some, soon());
    made.backend.abort();
    const auto rest = co_await read_to_end(made.client);
    const auto outcome = co_await relaying.get();
    co_return written&& seen && !rest && outcome.end == relay_end::b_failed && outcome.cause.code == errc::reset;
}

TEST_P(relay_test, a_reset_in_the_middle_resets_the_other_side) {
    EXPECT_TRUE(run(cut(kit, here(), GetParam(), 1000)));
    EXPECT_TRUE(run(cut(kit, here(), GetParam(), 200'000)));
}

task<relay_outcome> vanish(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    background sending(l, send_and_end(made.backend, sample_bytes(20'000'000)));
    std::array<char, 512> some;
    const auto seen = co_await made.client.read_some(some, soon());
    made.client.abort();
    const bool sent = co_await sending.get();
    EXPECT_TRUE(seen && !sent);
    co_return co_await relaying.get();
}

TEST_P(relay_test, a_receiver_that_vanishes_resets_the_sender) {
    EXPECT_EQ(run(vanish(kit, here(), GetParam())).end, relay_end::a_failed);
}

task<relay_outcome> stand_still(tls_kit& t, loop&, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto written = co_await made.client.write_all("and then nothing", soon());
    EXPECT_TRUE(written);
    co_return co_await relay_and_close(made.a, made.b, counts, 100ms);
}

TEST_P(relay_test, a_transfer_that_stands_still_is_stalled) {
    EXPECT_EQ(run(stand_still(kit, here(), GetParam())).end, relay_end::stalled);
}

// The receiver ends its own direction before the first byte comes, as some clients do on a download.
task<bool> download_half_closed(tls_kit& t, loop& l, tls_of_legs tls, std::string bytes) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_known(made.a, made.b, counts, relay_flow::b_to_a));
    const auto ended = co_await made.client.finish_sending(1s);
    co_await l.sleep_for(150ms);
    background sending(l, send_and_end(made.backend, bytes));
    const auto got = co_await read_to_end(made.client);
    const bool sent = co_await sending.get();
    const auto outcome = co_await relaying.get();
    co_return ended&& sent&& got == bytes&& outcome.end == relay_end::complete;
}

TEST_P(relay_test, of_known_flow_waits_for_the_sender_where_the_receiver_has_ended_its_own) {
    EXPECT_TRUE(run(download_half_closed(kit, here(), GetParam(), "late")));
    EXPECT_TRUE(run(download_half_closed(kit, here(), GetParam(), "")));
}

// The sender is gone for good before the relay can end the silent direction towards it.
task<bool> download_from_a_leaver(tls_kit& t, loop& l, tls_of_legs tls, std::string bytes) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const bool sent = co_await send_and_end(made.backend, bytes);
    made.backend.close();
    background relaying(l, relay_known(made.a, made.b, counts, relay_flow::b_to_a));
    const auto got = co_await read_to_end(made.client);
    made.client.close();
    const auto outcome = co_await relaying.get();
    co_return sent&& got == bytes&& outcome.end == relay_end::complete;
}

TEST_P(relay_test, of_known_flow_minds_no_sender_that_left_after_its_last_byte) {
    EXPECT_TRUE(run(download_from_a_leaver(kit, here(), GetParam(), "all there is")));
}

// Under TLS a client waits for close_notify after its upload, whatever the backend does.
task<bool> upload_to_one_who_never_ends(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_known(made.a, made.b, counts, relay_flow::a_to_b));
    const bool sent = co_await send_and_end(made.client, "small");
    const auto answer = co_await read_to_end(made.client);
    const auto outcome = co_await relaying.get();
    co_return sent&& answer == "" && outcome.end == relay_end::complete;
}

TEST_P(relay_test, of_known_flow_ends_the_silent_direction_in_good_order_too) {
    EXPECT_TRUE(run(upload_to_one_who_never_ends(kit, here(), GetParam())));
}

task<relay_outcome> download_to_a_leaver(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_known(made.a, made.b, counts, relay_flow::b_to_a));
    made.client.abort();
    auto outcome = co_await relaying.get();
    co_return outcome;
}

TEST_P(relay_test, of_known_flow_ends_where_the_receiver_vanishes) {
    EXPECT_EQ(run(download_to_a_leaver(kit, here(), GetParam())).end, relay_end::a_failed);
}

// curl closes once it has the bytes that SIZE promised (none, for an empty file) and does not wait for the end.
task<relay_outcome> download_to_one_who_knows_the_size(tls_kit& t, loop& l, tls_of_legs tls, std::string bytes) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_known(made.a, made.b, counts, relay_flow::b_to_a));
    const auto sent = co_await made.backend.write_all(bytes, soon());
    std::string got;
    std::array<char, 64> block;
    while (sent && got.size() < bytes.size()) {
        const auto n = co_await made.client.read_some(block, soon());
        if (!n || *n == 0) break;
        got.append(block.data(), *n);
    }
    EXPECT_EQ(got, bytes);
    co_await made.client.finish_sending(1s);
    const auto end = co_await made.backend.read_some(block, soon());  // the relay has seen the client's end
    EXPECT_TRUE(end && *end == 0);
    made.client.abort();
    co_await made.backend.finish_sending(1s);
    auto outcome = co_await relaying.get();
    co_return outcome;
}

TEST_P(relay_test, of_known_flow_minds_no_receiver_that_left_with_all_there_was) {
    EXPECT_EQ(run(download_to_one_who_knows_the_size(kit, here(), GetParam(), "all there is")).end, relay_end::complete);
    EXPECT_EQ(run(download_to_one_who_knows_the_size(kit, here(), GetParam(), "")).end, relay_end::complete);
}

// Much, and fast: with TLS in front of a plain backend the pieces become large ones.
constexpr std::size_t much = 24'000'000;

TEST_P(relay_test, G1_carries_much_to_its_end) { EXPECT_TRUE(run(download(kit, here(), GetParam(), much))); }

task<bool> write_and_stay(stream& s, std::string bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    co_return written.has_value();
}

/// What arrives until the stream ends or breaks.
task<std::string> read_what_comes(stream& s) {
    std::string all;
    std::vector<char> buffer(64 * 1024);
    for (;;) {
        const auto n = co_await s.read_some(buffer, soon());
        if (!n || *n == 0) co_return all;
        all.append(buffer.data(), *n);
    }
}

task<std::string> read_so_much(stream& s, std::size_t size) {
    std::string all;
    std::vector<char> buffer(64 * 1024);
    while (all.size() < size) {
        const auto n = co_await s.read_some(buffer, soon());
        if (!n || *n == 0) break;
        all.append(buffer.data(), *n);
    }
    co_return all;
}

enum class trouble : std::uint8_t { sender_breaks, receiver_leaves, sender_stalls, owner_gives_up };

/// The outcome, where what arrived is what was sent, as far as it came.
task<std::optional<relay_outcome>> download_in_trouble(tls_kit& t, loop& l, tls_of_legs tls, trouble what) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto bytes = sample_bytes(much);
    background relaying(l, relay_and_close(made.a, made.b, counts, 300ms));
    background sending(l, write_and_stay(made.backend, bytes));
    auto got = co_await read_so_much(made.client, much / 2);
    if (what == trouble::sender_breaks) made.backend.abort();
    if (what == trouble::receiver_leaves) made.client.abort();
    if (what == trouble::owner_gives_up) made.b.abort();
    if (what != trouble::receiver_leaves) got += co_await read_what_comes(made.client);
    auto outcome = co_await relaying.get();
    co_await sending.get();
    const bool so_far = bytes.starts_with(got) && counts.b_to_a <= counts.from_b && counts.from_b <= much;
    const bool all = what != trouble::sender_stalls || got == bytes;
    co_return so_far&& all ? std::optional(outcome) : std::nullopt;
}

TEST_P(relay_test, G8_never_calls_much_complete_that_was_cut) {
    const auto broken = run(download_in_trouble(kit, here(), GetParam(), trouble::sender_breaks));
    ASSERT_TRUE(broken);
    EXPECT_EQ(broken->end, relay_end::b_failed);
    const auto left = run(download_in_trouble(kit, here(), GetParam(), trouble::receiver_leaves));
    ASSERT_TRUE(left);
    EXPECT_EQ(left->end, relay_end::a_failed);
    const auto stalled = run(download_in_trouble(kit, here(), GetParam(), trouble::sender_stalls));
    ASSERT_TRUE(stalled);
    EXPECT_EQ(stalled->end, relay_end::stalled);
    const auto given_up = run(download_in_trouble(kit, here(), GetParam(), trouble::owner_gives_up));
    ASSERT_TRUE(given_up);
    EXPECT_NE(given_up->end, relay_end::complete);
}

task<> transfer(tls_kit& t, loop& l, tls_of_legs tls) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    background relaying(l, relay_and_close(made.a, made.b, counts, 10s));
    background sending(l, send_and_end(made.backend, sample_bytes(200'000)));
    const auto got = co_await read_to_end(made.client);
    EXPECT_TRUE(got);
    co_await sending.get();
    co_await relaying.get();
}

TEST_P(relay_test, leaves_no_descriptor_open) {
    run(transfer(kit, here(), GetParam()));
    const auto before = open_descriptors();
    for (int i = 0; i < 5; ++i) run(transfer(kit, here(), GetParam()));
    EXPECT_EQ(open_descriptors(), before);
}

INSTANTIATE_TEST_SUITE_P(relay, relay_test,
                         testing::Values(tls_of_legs{false, false}, tls_of_legs{true, false}, tls_of_legs{false, true},
                                         tls_of_legs{true, true}),
                         [](const auto& p) {
                             return std::string(p.param.front ? "tls_" : "plain_") + (p.param.back ? "tls" : "plain");
                         });

}  // namespace
}  // namespace sallyport::net
