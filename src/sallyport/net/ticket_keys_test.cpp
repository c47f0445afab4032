#include <sallyport/net/ticket_keys.hpp>

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/tls_hello.hpp>
#include <sallyport/net/tls_hello_test.hpp>
#include <sallyport/net/tls_resumption.hpp>

namespace sallyport::net {
namespace {

using namespace std::chrono_literals;

const ticket_keys::clock::time_point start = ticket_keys::clock::time_point(24h);

TEST(TicketKeys, TLS12_change_every_hour_and_not_before) {
    ticket_keys keys;
    const auto first = keys.current(start);
    ASSERT_TRUE(first);
    EXPECT_EQ(keys.current(start + 59min), first);
    EXPECT_NE(keys.current(start + 60min), first);
    const auto in_the_first_hour = keys.current(start + 60min - 1s);
    EXPECT_NE(keys.current(start + 121min), in_the_first_hour);
}

TEST(TicketKeys, TLS12_an_old_key_is_destroyed_with_the_last_connection_that_holds_it) {
    ticket_keys keys;
    auto held = keys.current(start);
    const std::weak_ptr<ticket_key> watched = held;
    (void)keys.current(start + 1h);
    EXPECT_FALSE(watched.expired());
    held.reset();
    EXPECT_TRUE(watched.expired());
}

TEST(TicketKeys, TLS12_a_connection_keeps_the_keys_that_came_after_its_own) {
    ticket_keys keys;
    auto held = keys.current(start);
    const std::weak_ptr<ticket_key> second = keys.current(start + 1h);
    const std::weak_ptr<ticket_key> third = keys.current(start + 2h);
    (void)keys.current(start + 3h);
    EXPECT_FALSE(second.expired() || third.expired());
    held.reset();
    EXPECT_TRUE(second.expired() && third.expired());
}

TEST(TicketKeys, FindsNoKeyByAnUnknownName) {
    ticket_keys keys;
    (void)keys.current(start);
    const std::array<std::uint8_t, ticket_keys::name_size> name{};
    EXPECT_FALSE(keys.find(name));
}

// With OpenSSL: whether a server context accepts a client's ticket, checked with its hello reader, which has the same keys.
class ticket_keys_in_use : public ::testing::TestWithParam<int> {
protected:
    [[nodiscard]] bool is_resumed(const session_ptr& session) const {
        return read_tls_hello(server, client.hello(session.get())).is == tls_hello::kind::resumes;
    }
    void change_key(int hours) { (void)keys().current(ticket_keys::clock::now() + std::chrono::hours(hours) + 1min); }
    ticket_keys& keys() { return tls_resumption::of(any.get()).tickets; }

    const tls_server_context server = made_up_server();
    const ssl_ptr any{SSL_new(server.get())};
    const memory_tls_client client{GetParam()};
};

TEST_P(ticket_keys_in_use, TLS12_tickets_outlive_a_change_of_keys_as_long_as_their_connection_lives) {
    auto connection = server.ticket_key();
    const auto session = client.session_with(server, "session-1");
    EXPECT_TRUE(is_resumed(session));
    change_key(1);
    EXPECT_TRUE(is_resumed(session));
    connection.reset();
    EXPECT_FALSE(is_resumed(session));
}

INSTANTIATE_TEST_SUITE_P(both_versions, ticket_keys_in_use, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace sallyport::net
