#include <sallyport/front/admission.hpp>

#include <deque>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>
#include <sallyport/front/front.hpp>

namespace sallyport::front {
namespace {

constexpr int guesses = 100;

visitor from(const char* address, visitor::kind is = visitor::kind::direct) { return {*ip_address::parse(address), is}; }

class admission_test : public ::testing::Test {
protected:
    void rules(const admission_rules& r) { gate->set_rules(r); }

    /// Keeps the session that was admitted.
    bool admit(const visitor& who) {
        auto got = gate->admit(who);
        if (!got) {
            why = got.error();
            return false;
        }
        running.push_back(std::move(*got));
        return true;
    }
    void guess(const visitor& who) {
        for (int i = 0; i < guesses; ++i) {
            if (auto got = gate->admit(who)) got->report(offence::login_refused);
        }
    }

    status::counters counters;
    std::shared_ptr<admission> gate = std::make_shared<admission>(admission_rules(), counters);
    std::deque<ticket> running;
    refusal why{};
};

TEST(source_test, an_ipv6_network_of_one_customer_is_one_source) {
    const auto source = [](const char* text) { return ip_address::parse(text)->client_network(); };
    EXPECT_EQ(source("198.51.100.7"), *ip_address::parse("198.51.100.7"));
    EXPECT_NE(source("198.51.100.7"), source("198.51.100.8"));
    EXPECT_EQ(source("2001:db8::1"), source("2001:db8::ffff:ffff:ffff:ffff"));
    EXPECT_NE(source("2001:db8::1"), source("2001:db8:0:1::1"));
    EXPECT_NE(source("fe80::1"), source("fe80::2")) << "all hosts of a network share this one";
    EXPECT_EQ(source("::ffff:198.51.100.7"), source("198.51.100.7"));
}

// Every limit per address.
TEST_F(admission_test, RX01_sessions_per_address_count_an_ipv6_network) {
    rules({.most_per_address = 2});
    EXPECT_TRUE(admit(from("2001:db8::1")));
    EXPECT_TRUE(admit(from("2001:db8::2")));
    EXPECT_FALSE(admit(from("2001:db8::3")));
    EXPECT_EQ(why, refusal::full_for_address);
    EXPECT_TRUE(admit(from("2001:db8:0:1::1")));
    running.pop_front();
    EXPECT_TRUE(admit(from("2001:db8::4")));
}

TEST_F(admission_test, RX01_the_rate_per_address_counts_an_ipv6_network) {
    rules({.per_second_per_address = 0.001});
    EXPECT_TRUE(admit(from("2001:db8::1")));
    EXPECT_FALSE(admit(from("2001:db8::2")));
    EXPECT_EQ(why, refusal::too_fast_for_address);
    EXPECT_TRUE(admit(from("2001:db8:0:1::1")));
}

TEST_F(admission_test, AU02_penalties_count_an_ipv6_network) {
    guess(from("2001:db8::1"));
    EXPECT_FALSE(admit(from("2001:db8::2")));
    EXPECT_EQ(why, refusal::penalised);
    EXPECT_TRUE(admit(from("2001:db8:0:1::1")));
}

TEST_F(admission_test, AU02_this_machine_is_never_punished) {
    for (const char* each : {"127.0.0.1", "127.0.0.9", "::1"}) {
        guess(from(each));
        EXPECT_TRUE(admit(from(each))) << each;
    }
}

TEST_F(admission_test, AU02_a_header_that_names_loopback_frees_nobody) {
    for (const char* each : {"127.0.0.1", "::1"}) {
        guess(from(each, visitor::kind::reported));
        EXPECT_FALSE(admit(from(each, visitor::kind::reported))) << each;
        EXPECT_TRUE(admit(from(each))) << "what is really on this machine";
    }
}

// The clients behind a load balancer must not pay for its health checks, nor these for what a client does.
TEST_F(admission_test, a_load_balancers_own_connections_count_for_nobody) {
    rules({.most_per_address = 1, .per_second = 0.001, .per_second_per_address = 0.001});
    const auto check = from("192.0.2.1", visitor::kind::balancer);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(admit(check));
    guess(check);
    EXPECT_TRUE(admit(check));
    EXPECT_TRUE(admit(from("192.0.2.1", visitor::kind::reported)));
    EXPECT_FALSE(admit(from("192.0.2.1", visitor::kind::reported)));
    EXPECT_TRUE(admit(check));
}

TEST_F(admission_test, a_load_balancers_own_connections_count_among_all) {
    rules({.most = 1});
    EXPECT_TRUE(admit(from("192.0.2.1", visitor::kind::balancer)));
    EXPECT_FALSE(admit(from("198.51.100.7")));
    EXPECT_EQ(why, refusal::full);
    running.clear();
    EXPECT_TRUE(admit(from("198.51.100.7")));
}

// RX-02
TEST_F(admission_test, RX02_the_bound_holds_whatever_the_rules_say) {
    EXPECT_EQ(gate->bound(1), admission_rules().most);
    EXPECT_TRUE(admit(from("198.51.100.7")));
    EXPECT_FALSE(admit(from("198.51.100.8")));
    rules({.most = 100});
    EXPECT_FALSE(admit(from("198.51.100.8")));
    EXPECT_EQ(why, refusal::full);
}

TEST(sessions_possible_test, RX02_each_session_has_descriptors_for_its_transfer) {
    for (const auto& need : {descriptor_need{1, 4}, descriptor_need{2, 6}}) {
        for (std::size_t free = 32; free < 4096; ++free) {
            const auto sessions = sessions_possible(free, need);
            const auto used = sessions * (need.session + need.transfer) + limits::descriptors_in_reserve;
            EXPECT_LE(used, free + need.session) << free;
            EXPECT_GE(used + need.session + need.transfer, free) << "what is there is used: " << free;
        }
    }
    EXPECT_EQ(sessions_possible(0, {}), 1U);
}

TEST(sessions_possible_test, RX02_many_idle_sessions_need_not_all_transfer_at_once) {
    EXPECT_GE(sessions_possible(20'000, {1, 4}), 15'000U);
    EXPECT_GE(sessions_possible(100'000, {2, 6}), 40'000U);
}

}  // namespace
}  // namespace sallyport::front
