#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream_state.hpp>
#include <support/free_ports.hpp>

namespace sallyport::net {
namespace {

class stream_test : public net_test {};

std::string text_of(const result<std::size_t>& n, std::span<const char> buffer) {
    return n ? std::string(buffer.data(), *n) : std::string(name(n.error().code));
}

task<std::string> ping_pong(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    std::array<char, 64> buffer;
    for (int i = 0; i < 300; ++i) {
        const auto asked = co_await client.write_all("NOOP\r\n", soon());
        const auto question = co_await server.read_some(buffer, soon());
        if (!asked || text_of(question, buffer) != "NOOP\r\n") co_return "the question was lost";
        const auto answered = co_await server.write_all("200\r\n", soon());
        const auto answer = co_await client.read_some(buffer, soon());
        if (!answered || text_of(answer, buffer) != "200\r\n") co_return "the answer was lost";
    }
    co_return client.local() == server.peer() && client.peer() == server.local() ? "ok" : "the ends do not match";
}

TEST_F(stream_test, carries_bytes_both_ways) { EXPECT_EQ(run(ping_pong(test_loop())), "ok"); }

task<std::string> half_close(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    std::array<char, 64> buffer;
    const auto ended = co_await client.shutdown_send(1s);
    const auto at_end = co_await server.read_some(buffer, soon());
    const auto answered = co_await server.write_all("226\r\n", soon());
    const auto answer = co_await client.read_some(buffer, soon());
    if (!ended || !at_end || *at_end != 0 || !answered) co_return "not ended in good order";
    co_return text_of(answer, buffer);
}

TEST_F(stream_test, the_other_direction_continues_after_the_end_of_one) {
    EXPECT_EQ(run(half_close(test_loop())), "226\r\n");
}

task<> send_and_close(stream s, std::string bytes) {
    const auto sent = co_await s.write_all(bytes, soon());
    EXPECT_TRUE(sent);
}

task<> send_in_two(stream& s) {
    const std::string half(500, 'x');
    // Until the other end waits.
    co_await s.owner().sleep_for(20ms);
    const auto first = co_await s.write_all(half, soon());
    co_await s.owner().sleep_for(50ms);
    const auto second = co_await s.write_all(half, soon());
    EXPECT_TRUE(first && second);
}

task<std::string> through_a_pipe(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    const std::string sent = sample_bytes(300'000);
    l.spawn("the sender", send_and_close(std::move(client), sent));
    const pipe pages = pipe::open();
    std::string all;
    for (;;) {
        const auto n = co_await server.splice_some(pages, soon());
        if (!n) co_return "splicing failed";
        if (*n == 0) co_return all == sent ? "the same" : "not the same";
        std::string part(*n, '\0');
        if (::read(pages.read_end.get(), part.data(), part.size()) != static_cast<ssize_t>(*n)) co_return "too few bytes";
        all += part;
    }
}

TEST_F(stream_test, splices_into_a_pipe_up_to_the_end) { EXPECT_EQ(run(through_a_pipe(test_loop())), "the same"); }

task<std::string> woken_late(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    server.set_low_watermark(1000);
    std::array<char, 2000> buffer;
    const auto brief = co_await client.write_all("brief", soon());
    const auto start = clock::now();
    // The deadline comes first, and the available bytes are read anyway.
    const auto little = co_await server.read_some(buffer, time_limit::within(100ms));
    if (!brief || text_of(little, buffer) != "brief") co_return "the available bytes were lost";
    l.spawn("the sender", send_in_two(client));
    const auto both = co_await server.read_some(buffer, soon());
    if (!both || *both != 1000) co_return fmt::format("woken for {} bytes", both.value_or(0));
    client.close();
    const auto end = co_await server.read_some(buffer, soon());
    co_return clock::now() - start < 9s ? text_of(end, buffer) : "the end was not noticed";
}

TEST_F(stream_test, is_woken_at_the_low_watermark_the_end_or_the_deadline) { EXPECT_EQ(run(woken_late(test_loop())), ""); }

// The five cases of a wait with a deadline (DESIGN.md, decision 8).
struct timed_ending {
    std::string text;
    clock::duration duration{};
};

task<timed_ending> timed_read(stream& s, time_limit limit) {
    std::array<char, 64> buffer;
    const auto start = clock::now();
    const auto n = co_await s.read_some(buffer, limit);
    co_return timed_ending{text_of(n, buffer), clock::now() - start};
}

enum class event_before_deadline { value, reset, nothing, already_expired, interrupt };

task<> cause(loop& l, stream& server, stream& client, event_before_deadline what) {
    co_await l.sleep_for(20ms);
    switch (what) {
        case event_before_deadline::value: co_await server.write_all("x", soon()); break;
        case event_before_deadline::reset: server.abort(); break;
        case event_before_deadline::interrupt: client.interrupt_read(); break;
        case event_before_deadline::nothing:
        case event_before_deadline::already_expired: break;
    }
}

task<timed_ending> wait_for(loop& l, event_before_deadline what) {
    auto [client, server] = co_await make_stream_pair(l);
    auto limit = time_limit::within(what == event_before_deadline::nothing ? 60ms : 10s);
    if (what == event_before_deadline::already_expired) {
        limit = time_limit::within(-1s);
        const auto written = co_await server.write_all("x", soon());
        EXPECT_TRUE(written);
    } else {
        l.spawn("the cause", cause(l, server, client, what));
    }
    const auto e = co_await timed_read(client, limit);
    while (l.running() > 1) co_await l.sleep_for(1ms);
    co_return e;
}

TEST_F(stream_test, a_value_in_time_is_a_value) {
    EXPECT_EQ(run(wait_for(test_loop(), event_before_deadline::value)).text, "x");
}

TEST_F(stream_test, an_early_error_surfaces_as_itself_at_once) {
    const auto e = run(wait_for(test_loop(), event_before_deadline::reset));
    EXPECT_EQ(e.text, "reset");
    EXPECT_LT(e.duration, 5s);
}

TEST_F(stream_test, a_late_value_is_a_timeout) {
    const auto e = run(wait_for(test_loop(), event_before_deadline::nothing));
    EXPECT_EQ(e.text, "timeout");
    EXPECT_GE(e.duration, 60ms);
    EXPECT_LT(e.duration, 60ms + 10 * deadline_wheel::granularity);
}

TEST_F(stream_test, a_value_that_is_there_beats_a_deadline_that_has_passed) {
    EXPECT_EQ(run(wait_for(test_loop(), event_before_deadline::already_expired)).text, "x");
}

TEST_F(stream_test, an_interrupted_read_is_cancelled) {
    const auto e = run(wait_for(test_loop(), event_before_deadline::interrupt));
    EXPECT_EQ(e.text, "cancelled");
    EXPECT_LT(e.duration, 5s);
}

task<std::string> interrupt_a_read_that_yields(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    state_of(client)->burst = stream_state::burst_limit - 1;
    l.post([&] { client.interrupt_read(); });
    const auto first = co_await timed_read(client, soon());
    state_of(client)->burst = stream_state::burst_limit - 1;
    const auto sent = co_await server.write_all("x", soon());
    const auto second = co_await timed_read(client, soon());
    co_return sent ? first.text + " " + second.text : "not sent";
}

TEST_F(stream_test, an_interrupted_read_is_cancelled_also_while_it_yields) {
    EXPECT_EQ(run(interrupt_a_read_that_yields(test_loop())), "cancelled x");
}

task<std::string> close_under_a_read(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    l.post([&] { client.close(); });
    const auto e = co_await timed_read(client, soon());
    const auto again = co_await timed_read(client, soon());
    co_return e.text + " " + again.text;
}

TEST_F(stream_test, close_cancels_what_is_pending_and_what_follows) {
    EXPECT_EQ(run(close_under_a_read(test_loop())), "cancelled cancelled");
}

task<std::string> move_under_a_read(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    l.post([&] { client = stream(); });
    std::array<char, 8> buffer;
    const auto n = co_await client.read_some(buffer, soon());
    co_return text_of(n, buffer);
}

TEST_F(stream_test, destroying_a_stream_ends_its_read) { EXPECT_EQ(run(move_under_a_read(test_loop())), "cancelled"); }

task<std::string> write_to_one_that_does_not_read(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    set_option(client.native_handle(), SOL_SOCKET, SO_SNDBUF, 16384);
    const std::string much(std::size_t{16} << 20U, 'x');
    const auto written = co_await client.write_all(much, {.progress = 60ms, .total = clock::now() + 10s});
    co_return written ? "all written" : std::string(name(written.error().code));
}

TEST_F(stream_test, a_write_without_progress_ends_at_its_deadline) {
    EXPECT_EQ(run(write_to_one_that_does_not_read(test_loop())), "timeout");
}

task<bool> send_files(loop& l, std::size_t size, std::uint64_t offset, std::uint64_t extra) {
    auto [client, server] = co_await make_stream_pair(l);
    const auto bytes = sample_bytes(size);
    const auto file = make_memory_file(bytes);
    concurrent_task reader(l, read_to_end(client));
    std::uint64_t progress = 0;
    const auto sent = co_await server.send_file(file.get(), offset, size - offset + extra, soon(), progress);
    server.close();
    const auto got = co_await reader.get();
    co_return sent && *sent == size - offset&& progress == *sent&& got && *got == bytes.substr(offset);
}

TEST_F(stream_test, sends_complete_files) {
    EXPECT_TRUE(run(send_files(test_loop(), 10'000'019, 0, 0)));
    EXPECT_TRUE(run(send_files(test_loop(), 100'000, 99'990, 0)));
}

TEST_F(stream_test, a_file_that_has_shrunk_ends_the_sending_early) {
    EXPECT_TRUE(run(send_files(test_loop(), 5'000, 0, 1'000)));
}

/// Whether an incomplete packet waits for more bytes after a file of this size.
task<bool> is_corked_after(loop& l, std::size_t size) {
    auto [client, server] = co_await make_stream_pair(l);
    const auto file = make_memory_file(sample_bytes(size));
    concurrent_task reader(l, read_to_end(client));
    std::uint64_t progress = 0;
    const auto sent = co_await server.send_file(file.get(), 0, size, soon(), progress);
    int corked = 0;
    socklen_t length = sizeof corked;
    ::getsockopt(server.native_handle(), IPPROTO_TCP, TCP_CORK, &corked, &length);
    const auto ended = co_await server.shutdown_send(0ms);
    const auto got = co_await reader.get();
    EXPECT_TRUE(sent && ended && got && got->size() == size);
    co_return corked != 0;
}

TEST_F(stream_test, large_files_leave_in_full_packets_and_small_ones_at_once) {
    EXPECT_TRUE(run(is_corked_after(test_loop(), 1'000'001)));
    EXPECT_FALSE(run(is_corked_after(test_loop(), 100'001)));
}

// A peer that always sends must not occupy the loop.
task<> flood(stream& s, const bool& stop) {
    const std::string bytes(4096, 'x');
    result<void> written;
    while (!stop && written) written = co_await s.write_all(bytes, soon());
    s.close();
}

task<> count_turns(loop& l, const bool& stop, int& turns) {
    while (!stop) {
        ++turns;
        co_await l.yield();
    }
}

task<int> turns_of_others(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    bool stop = false;
    int turns = 0;
    l.spawn("a flood", flood(client, stop));
    l.spawn("another", count_turns(l, stop, turns));
    // So small that there is always more to read.
    std::array<char, 16> small;
    for (int i = 0; i < 50'000; ++i) {
        const auto n = co_await server.read_some(small, soon());
        if (!n || *n == 0) break;
    }
    stop = true;
    server.close();
    while (l.running() > 1) co_await l.sleep_for(1ms);
    co_return turns;
}

TEST_F(stream_test, a_flood_does_not_starve_the_loop) { EXPECT_GE(run(turns_of_others(test_loop())), 500); }

task<std::string> telnet_synch(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    // IAC IP IAC, then DM as urgent data.
    const auto before = co_await client.write_all("\xff\xf4\xff", soon());
    EXPECT_EQ(::send(client.native_handle(), "\xf2", 1, MSG_OOB), 1);
    const auto after = co_await client.write_all("ABOR\r\n", soon());
    client.close();
    const auto all = co_await read_to_end(server);
    co_return before&& after ? all.value_or("broken") : "not written";
}

TEST_F(stream_test, urgent_bytes_stay_in_line) {
    EXPECT_EQ(run(telnet_synch(test_loop())),
              "\xff\xf4\xff\xf2"
              "ABOR\r\n");
}

task<bool> keepalive_options(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    client.set_keepalive({.idle = 60s, .interval = 15s, .count = 4});
    const auto option = [&](int level, int option_name) {
        int value = 0;
        socklen_t size = sizeof(value);
        ::getsockopt(client.native_handle(), level, option_name, &value, &size);
        return value;
    };
    co_return option(SOL_SOCKET, SO_KEEPALIVE) == 1 && option(IPPROTO_TCP, TCP_KEEPIDLE) == 60 &&
        option(IPPROTO_TCP, TCP_KEEPINTVL) == 15 && option(IPPROTO_TCP, TCP_KEEPCNT) == 4 &&
        option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 120'000;
}

TEST_F(stream_test, S5_keepalive_is_set_on_the_socket) { EXPECT_TRUE(run(keepalive_options(test_loop()))); }

task<bool> both_send_at_once(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    const auto no_delay = [](const stream& s) {
        int value = 0;
        socklen_t size = sizeof(value);
        ::getsockopt(s.native_handle(), IPPROTO_TCP, TCP_NODELAY, &value, &size);
        return value == 1;
    };
    co_return no_delay(client) && no_delay(server);
}

TEST_F(stream_test, nothing_waits_for_an_acknowledgement) { EXPECT_TRUE(run(both_send_at_once(test_loop()))); }

std::string congestion_control(int socket) {
    std::array<char, 16> name{};
    socklen_t size = name.size();
    ::getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size);
    return name.data();
}

task<std::string> both_congestion_controls(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    co_return congestion_control(client.native_handle()) + ' ' + congestion_control(server.native_handle());
}

TEST_F(stream_test, loopback_does_not_use_pacing) { EXPECT_EQ(run(both_congestion_controls(test_loop())), "reno reno"); }

TEST_F(stream_test, other_networks_use_the_congestion_control_of_the_system) {
    const unique_fd unchanged(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const unique_fd prepared(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_stream_options(prepared.get(), *ip_address::parse("192.0.2.1"));
    EXPECT_EQ(congestion_control(prepared.get()), congestion_control(unchanged.get()));
}

task<errc> connect_to(loop& l, endpoint to, connect_options options, time_limit limit) {
    const auto s = co_await connect(l, to, options, limit);
    co_return s ? errc::misuse : s.error().code;
}

TEST_F(stream_test, a_refused_connection_is_reported_as_refused) {
    const endpoint address{*ip_address::parse("127.0.0.1"), testing::free_ports(1).first};
    EXPECT_EQ(run(connect_to(test_loop(), address, {}, soon())), errc::refused);
}

task<std::string> connect_from(loop& l, connect_options options) {
    auto listening = listener::open(l, *endpoint::parse("127.0.0.1:0"));
    auto client = co_await connect(l, listening->local(), options, soon());
    if (!client) co_return client.error().text();
    co_return client->local().text();
}

TEST_F(stream_test, S1_connects_from_the_requested_address_and_port) {
    EXPECT_THAT(run(connect_from(test_loop(), {.bind_to = *endpoint::parse("127.0.0.7:0")})),
                ::testing::StartsWith("127.0.0.7:"));
    const endpoint port{*ip_address::parse("127.0.0.1"), testing::free_ports(1).first};
    EXPECT_EQ(run(connect_from(test_loop(), {.bind_to = port, .reuse_address = true})), port.text());
    EXPECT_EQ(run(connect_from(test_loop(), {.bind_to = port, .reuse_address = true})), port.text());
}

task<bool> many_connections(loop& l) {
    for (int i = 0; i < 50; ++i) {
        auto [client, server] = co_await make_stream_pair(l);
        if (i % 2 == 0) client.abort();
    }
    co_return true;
}

TEST_F(stream_test, leaves_no_descriptor_open) {
    // Opens the descriptors that the loop itself needs.
    run(many_connections(test_loop()));
    const auto before = open_descriptors();
    run(many_connections(test_loop()));
    EXPECT_EQ(open_descriptors(), before);
}

task<std::vector<std::size_t>> pieces_for_a_slow_peer(loop& l) {
    constexpr std::size_t much = 512 * 1024;
    auto [client, server] = co_await make_stream_pair(l);
    const auto next = [&s = *state_of(server)](std::size_t max, std::size_t budget) {
        memory_budget memory(budget);
        const auto piece = s.next_piece(max, memory);
        EXPECT_EQ(memory.left() + piece.lease.bytes(), budget);
        EXPECT_TRUE(piece.size <= max && (piece.size <= tls_record || piece.lease.bytes() == piece.size));
        return piece.size;
    };
    std::vector<std::size_t> sizes{next(1000, 0), next(tls_record, 0), next(much, 0), next(much, much)};
    const auto too_much = co_await server.write_all(sample_bytes(std::size_t{64} << 20U), time_limit::within(100ms));
    EXPECT_FALSE(too_much);
    sizes.push_back(next(much, much));
    concurrent_task reading(l, read_to_end(client));
    const auto rest = co_await server.write_all("the last write", soon());
    while (state_of(server)->send_room() < much) co_await l.sleep_for(1ms);
    sizes.push_back(next(much, much));
    const auto ended = co_await server.shutdown_send(1s);
    EXPECT_TRUE(rest && ended && co_await reading.get());
    co_return sizes;
}

TEST_F(stream_test, RX03_little_is_prepared_for_a_slow_peer_and_without_a_lease) {
    const std::size_t large = 512 * 1024;
    EXPECT_THAT(run(pieces_for_a_slow_peer(test_loop())),
                ::testing::ElementsAre(1000, tls_record, limits::small_piece, large, limits::small_piece, large));
}

task<> read_for_ever(stream s) {
    std::array<char, 8> buffer;
    co_await s.read_some(buffer, {});
}

task<> leave_readers(loop& l) {
    auto [client, server] = co_await make_stream_pair(l);
    l.spawn("a reader", read_for_ever(std::move(client)));
    l.spawn("a reader", read_for_ever(std::move(server)));
}

TEST_F(stream_test, a_loop_can_end_while_streams_wait) {
    const auto before = open_descriptors();
    {
        loop_group other(1);
        other.at(0).spawn("a test", leave_readers(other.at(0)));
        while (other.at(0).running() != 2) other.at(0).context().run_one();
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace sallyport::net
