// The end of a transfer's data with TLS (TLS-05): what is accepted as the end, which peer waits, and how the relay's caller
// can reject it.

#include <sys/socket.h>
#include <sallyport/net/relay_pump_test.hpp>

namespace sallyport::net {
namespace {

void send_raw(const stream& s, std::string_view bytes) {
    EXPECT_EQ(::send(s.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

void shutdown_without_close_notify(const stream& s) { EXPECT_EQ(::shutdown(s.native_handle(), SHUT_WR), 0); }

class tls_data_end : public net_test {
protected:
    tls_kit kit{test_loop()};
};

// ---- What the receiver accepts as the end

task<std::string> receive_from(tls_kit& t, std::string bytes, std::string raw) {
    auto made = co_await t.make_legs({.client_leg = true});
    if (!bytes.empty()) (void)co_await made.client.write_all(bytes, soon());
    if (!raw.empty()) send_raw(made.client, raw);
    shutdown_without_close_notify(made.client);
    std::array<char, 65536> buffer;
    std::string all;
    for (;;) {
        const auto got = co_await made.a.read_some(buffer, soon());
        if (!got) co_return got.error().code == errc::truncated ? "truncated" : got.error().text();
        if (*got == 0) co_return all;
        all.append(buffer.data(), *got);
    }
}

TEST_F(tls_data_end, TLS05_a_fin_alone_is_no_end) {
    for (const std::size_t size : {0UL, 1UL, 300'000UL})
        EXPECT_EQ(run(receive_from(kit, sample_bytes(size), {})), "truncated") << size;
}

TEST_F(tls_data_end, TLS05_a_fin_alone_is_the_end_where_that_is_allowed) {
    kit.allow_missing_close_notify = true;
    for (const std::size_t size : {0UL, 1UL, 300'000UL}) {
        const auto bytes = sample_bytes(size);
        EXPECT_EQ(run(receive_from(kit, bytes, {})), bytes) << size;
    }
}

TEST_F(tls_data_end, TLS05_a_fin_within_a_record_is_never_the_end) {
    kit.allow_missing_close_notify = true;
    const std::string header("\x17\x03\x03\x01\x00", 5);
    for (const auto& part : {header.substr(0, 1), header.substr(0, 4), header, header + "cut"}) {
        EXPECT_EQ(run(receive_from(kit, {}, part)), "truncated") << part.size();
        EXPECT_EQ(run(receive_from(kit, sample_bytes(300'000), part)), "truncated") << part.size();
    }
}

// ---- Which peer waits

/// A peer that sends its close_notify, and more, long after the local one. Returns "reset" if it got a reset.
task<std::string> answer_late(loop& l, tls_kit& t) {
    auto made = co_await t.make_legs({.backend_leg = true});
    (void)co_await send_and_finish(made.b, "the file");
    close_gracefully(std::move(made.b));
    const auto got = co_await read_to_end(made.backend);
    co_await l.sleep_for(200ms);
    const auto answered = co_await made.backend.write_all("more than nothing", soon());
    co_await l.sleep_for(50ms);
    const auto ended = co_await made.backend.shutdown_send(1s);
    const auto left = clock::now();
    while (l.running() > 1 && clock::now() - left < 3s) co_await l.sleep_for(1ms);
    co_return answered&& ended&& l.running() == 1 ? got.value_or("cut") : "reset";
}

TEST_F(tls_data_end, waits_for_a_peer_that_answers_late) { EXPECT_EQ(run(answer_late(test_loop(), kit)), "the file"); }

/// A receiver of data ends its direction too: clients wait for its close_notify after an upload.
task<std::string> receive_and_close(tls_kit& t) {
    auto made = co_await t.make_legs({.backend_leg = true});
    (void)co_await send_and_finish(made.backend, "the file");
    const auto got = co_await read_to_end(made.b);
    close_gracefully(std::move(made.b));
    const auto answer = co_await read_to_end(made.backend);
    co_return got.value_or("cut") + (answer ? ", ended" : ", cut");
}

TEST_F(tls_data_end, sends_close_notify_to_a_sender) { EXPECT_EQ(run(receive_and_close(kit)), "the file, ended"); }

task<std::size_t> close_plain(loop& l, tls_kit& t) {
    auto made = co_await t.make_legs({});
    close_gracefully(std::move(made.b));
    close_gracefully(stream());
    const auto got = co_await read_to_end(made.backend);
    co_return got == "" ? l.running() : 99;
}

TEST_F(tls_data_end, does_not_wait_without_tls) { EXPECT_EQ(run(close_plain(test_loop(), kit)), 1U); }

// ---- Through the relay

class relayed_data_end : public net_test, public testing::WithParamInterface<tls_legs> {
protected:
    tls_kit kit{test_loop()};
};

struct finished {
    relay_result result = relay_result::complete;
    // Nothing if the receiver noticed an interruption.
    std::optional<std::string> arrived;
};

task<relay_outcome> relay_upload(stream& a, stream& b, relay_counts& counts, bool counts_as_end) {
    end_check check_end = [counts_as_end] { return counts_as_end ? result<void>() : fail(errc::closed, "it is gone"); };
    auto outcome = co_await relay(a, b, soon(), counts, relay_flow::a_to_b, {}, std::move(check_end));
    a.close();
    b.close();
    co_return outcome;
}

task<finished> upload(tls_kit& t, loop& l, tls_legs tls, std::size_t size, bool close_notify, bool counts_as_end) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    concurrent_task relaying(l, relay_upload(made.a, made.b, counts, counts_as_end));
    concurrent_task receiving(l, read_to_end(made.backend));
    if (close_notify || !tls.client_leg) {
        (void)co_await send_and_finish(made.client, sample_bytes(size));
    } else {
        (void)co_await made.client.write_all(sample_bytes(size), soon());
        shutdown_without_close_notify(made.client);
    }
    auto arrived = co_await receiving.get();
    const auto outcome = co_await relaying.get();
    co_return finished{outcome.result, std::move(arrived)};
}

constexpr auto sizes = {0UL, 1UL, 1000UL, 3'000'003UL};

TEST_P(relayed_data_end, passes_on_an_end_that_is_confirmed) {
    for (const auto size : sizes) {
        const auto got = run(upload(kit, test_loop(), GetParam(), size, true, true));
        EXPECT_EQ(got.result, relay_result::complete) << size;
        EXPECT_EQ(got.arrived, sample_bytes(size)) << size;
    }
}

TEST_P(relayed_data_end, an_end_that_is_not_confirmed_is_an_interruption) {
    for (const auto size : sizes) {
        const auto got = run(upload(kit, test_loop(), GetParam(), size, true, false));
        EXPECT_EQ(got.result, relay_result::a_failed) << size;
        EXPECT_EQ(got.arrived, std::nullopt) << size;
    }
}

TEST_P(relayed_data_end, TLS05_a_fin_alone_is_an_interruption) {
    if (!GetParam().client_leg) return;
    for (const auto size : sizes) {
        const auto got = run(upload(kit, test_loop(), GetParam(), size, false, true));
        EXPECT_EQ(got.result, relay_result::a_failed) << size;
        EXPECT_EQ(got.arrived, std::nullopt) << size;
    }
}

TEST_P(relayed_data_end, TLS05_a_fin_alone_is_passed_on_where_it_is_allowed) {
    kit.allow_missing_close_notify = true;
    for (const auto size : sizes) {
        const auto got = run(upload(kit, test_loop(), GetParam(), size, false, true));
        EXPECT_EQ(got.result, relay_result::complete) << size;
        EXPECT_EQ(got.arrived, sample_bytes(size)) << size;
    }
}

/// The client knows the size: it reads that many bytes and closes, at once or after the end has arrived.
task<relay_result> download_and_leave(tls_kit& t, loop& l, tls_legs tls, std::size_t size, bool close_notify, bool at_once) {
    auto made = co_await t.make_legs(tls);
    relay_counts counts;
    const auto bytes = sample_bytes(size);
    concurrent_task sending(l, send_and_finish(made.backend, bytes));
    concurrent_task relaying(l, relay(made.a, made.b, soon(), counts, relay_flow::b_to_a));
    std::vector<char> buffer(64 * 1024);
    for (std::size_t got = 0; got < size;) {
        const auto n = co_await made.client.read_some(std::span(buffer.data(), std::min(buffer.size(), size - got)), soon());
        if (!n || *n == 0) co_return relay_result::a_failed;
        got += *n;
    }
    if (!at_once) (void)co_await made.client.read_some(buffer, soon());
    if (close_notify)
        (void)co_await made.client.shutdown_send(1s);
    else
        shutdown_without_close_notify(made.client);
    (void)co_await read_to_end(made.client);
    made.client.close();
    const auto outcome = co_await relaying.get();
    (void)co_await sending.get();
    co_return outcome.result;
}

TEST_P(relayed_data_end, a_receiver_that_closes_cleanly_after_the_last_byte_has_the_file) {
    for (const auto size : sizes)
        for (const bool close_notify : {true, false})
            for (const bool at_once : {true, false})
                EXPECT_EQ(run(download_and_leave(kit, test_loop(), GetParam(), size, close_notify, at_once)),
                          relay_result::complete)
                    << size << (close_notify ? " close_notify" : " FIN") << (at_once ? " at once" : " at the end");
}

INSTANTIATE_TEST_SUITE_P(legs, relayed_data_end,
                         testing::Values(tls_legs{}, tls_legs{.client_leg = true}, tls_legs{.backend_leg = true},
                                         tls_legs{.client_leg = true, .backend_leg = true}));

}  // namespace
}  // namespace sallyport::net
