#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/eventfd.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/receive_ahead.hpp>

namespace sallyport::net {
namespace {

constexpr std::size_t size = 64 * 1024;

class receive_ahead_test : public net_test {};

struct taken {
    std::string bytes;
    received last;
};

/// All until the end, or until it breaks.
task<taken> take_all(loop& l, receive_ahead& ahead) {
    taken all;
    auto piece = std::make_unique_for_overwrite<char[]>(size);
    while (all.last.goes_on()) {
        ahead.begin();
        all.last = co_await ahead.next(piece);
        all.bytes.append(piece.get(), all.last.size);
        if (all.last.size == 0 && all.last.os == EAGAIN) co_await l.sleep_for(1ms);
    }
    co_return all;
}

task<bool> send_and_end(stream& s, std::string bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    const auto ended = co_await s.finish_sending(1s);
    co_return written&& ended;
}

task<std::string> read_some_byte(stream& s) {
    std::array<char, 1> one;
    const auto n = co_await s.read_some(one, soon());
    co_return n ? std::string(one.data(), *n) : std::string();
}

task<bool> carries(loop& l, std::size_t much) {
    auto pair = co_await make_pair_of_streams(l);
    const auto ahead = receive_ahead::of(pair.server, size);
    const auto bytes = sample_bytes(much);
    background sending(l, send_and_end(pair.client, bytes));
    const auto got = co_await take_all(l, *ahead);
    const bool sent = co_await sending.get();
    co_return sent&& got.last.ended&& got.bytes == bytes;
}

TEST_F(receive_ahead_test, G1_gives_every_byte_in_order) {
    for (const std::size_t much : {0UL, 1UL, size - 1, size, size + 1, 2 * size, 3 * size + 7, 20'000'003UL}) {
        EXPECT_TRUE(run(carries(here(), much))) << much;
    }
}

task<taken> take_from_one_who_breaks(loop& l) {
    auto pair = co_await make_pair_of_streams(l);
    const auto ahead = receive_ahead::of(pair.server, size);
    const auto written = co_await pair.client.write_all(sample_bytes(size), soon());
    EXPECT_TRUE(written);
    auto piece = std::make_unique_for_overwrite<char[]>(size);
    const auto first = co_await ahead->next(piece);
    EXPECT_GT(first.size, 0U);
    pair.client.abort();
    auto rest = co_await take_all(l, *ahead);
    co_return rest;
}

// Asked again, the system would call a reset the end.
TEST_F(receive_ahead_test, G8_never_takes_a_reset_for_the_end) {
    const auto got = run(take_from_one_who_breaks(here()));
    EXPECT_FALSE(got.last.ended);
    EXPECT_EQ(got.last.os, ECONNRESET);
}

/// The stream is gone while the thread is at work on it, and something else has its number.
task<bool> goes_on_without_the_stream(loop& l, bool by_reset) {
    auto pair = co_await make_pair_of_streams(l);
    const auto bytes = sample_bytes(20 * size);
    background first(l, read_some_byte(pair.server));  // has to wait: the loop watches the connection
    background sending(l, send_and_end(pair.client, bytes));
    auto got = co_await first.get();
    const auto ahead = receive_ahead::of(pair.server, size);
    ahead->begin();
    const int number = pair.server.native_handle();
    by_reset ? pair.server.abort() : pair.server.close();
    const unique_fd other(::eventfd(0, EFD_NONBLOCK));
    const unique_fd in_its_place(::dup2(other.get(), number));
    const auto rest = co_await take_all(l, *ahead);
    const bool sent = co_await sending.get();
    co_return sent&& rest.last.ended&& got + rest.bytes == bytes;
}

TEST_F(receive_ahead_test, knows_its_connection_where_the_number_has_become_another) {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(run(goes_on_without_the_stream(here(), i % 2 == 0)));
}

task<bool> is_told(loop& l) {
    auto pair = co_await make_pair_of_streams(l);
    const auto written = co_await pair.client.write_all(sample_bytes(size), soon());
    {
        const auto ahead = receive_ahead::of(pair.server, size);
        ahead->begin();
        pair.server.abort();
    }
    std::array<char, 1> one;
    const auto n = co_await pair.client.read_some(one, soon());
    co_return written && !n && n.error().code == errc::reset;
}

TEST_F(receive_ahead_test, G8_resets_the_peer_once_it_lets_go) {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(run(is_told(here())));
}

task<std::size_t> how_many(loop& l) {
    auto pair = co_await make_pair_of_streams(l);
    std::vector<std::unique_ptr<receive_ahead>> all;
    for (;;) {
        auto one = receive_ahead::of(pair.server, size);
        if (!one) co_return all.size();
        all.push_back(std::move(one));
    }
}

TEST_F(receive_ahead_test, has_one_thread_for_each_core_but_one_and_gives_them_back) {
    const auto expected = std::max<std::size_t>(default_loop_count(), 2) - 1;
    EXPECT_EQ(run(how_many(here())), expected);
    EXPECT_EQ(run(how_many(here())), expected);
}

}  // namespace
}  // namespace sallyport::net
