#include <sallyport/frontend/admission.hpp>

#include <deque>
#include <string>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>
#include <sallyport/frontend/frontend.hpp>

namespace sallyport::frontend {
namespace {

constexpr int attempts = 100;

connection_source from(const char* address, connection_source::kind type = connection_source::kind::direct) {
    return {*ip_address::parse(address), type};
}

class admission_test : public ::testing::Test {
protected:
    void rules(const admission_rules& r) { admission_control->set_rules(r); }

    /// Stores the slot if admitted.
    bool admit(const connection_source& source) {
        auto got = admission_control->admit(source);
        if (!got) {
            reason = got.error();
            return false;
        }
        running.push_back(std::move(*got));
        return true;
    }
    void fail_logins(const connection_source& source) {
        for (int i = 0; i < attempts; ++i) {
            if (auto got = admission_control->admit(source)) got->report(login_failure::refused);
        }
    }

    status::counters counters;
    std::shared_ptr<admission> admission_control = std::make_shared<admission>(admission_rules(), counters);
    std::deque<admission_slot> running;
    rejection reason{};
};

TEST(source_test, an_ipv6_network_of_one_customer_is_one_source) {
    const auto source = [](const char* text) { return ip_address::parse(text)->client_network(); };
    EXPECT_EQ(source("198.51.100.7"), *ip_address::parse("198.51.100.7"));
    EXPECT_NE(source("198.51.100.7"), source("198.51.100.8"));
    EXPECT_EQ(source("2001:db8::1"), source("2001:db8::ffff:ffff:ffff:ffff"));
    EXPECT_NE(source("2001:db8::1"), source("2001:db8:0:1::1"));
    EXPECT_NE(source("fe80::1"), source("fe80::2")) << "link-local networks have the same prefix";
    EXPECT_EQ(source("::ffff:198.51.100.7"), source("198.51.100.7"));
}

// Every limit per address.
TEST_F(admission_test, RX01_sessions_per_address_count_an_ipv6_network) {
    rules({.max_sessions_per_address = 2});
    EXPECT_TRUE(admit(from("2001:db8::1")));
    EXPECT_TRUE(admit(from("2001:db8::2")));
    EXPECT_FALSE(admit(from("2001:db8::3")));
    EXPECT_EQ(reason, rejection::max_sessions_per_address);
    EXPECT_TRUE(admit(from("2001:db8:0:1::1")));
    running.pop_front();
    EXPECT_TRUE(admit(from("2001:db8::4")));
}

TEST_F(admission_test, RX01_the_rate_per_address_counts_an_ipv6_network) {
    rules({.max_session_rate_per_address = 0.001});
    EXPECT_TRUE(admit(from("2001:db8::1")));
    EXPECT_FALSE(admit(from("2001:db8::2")));
    EXPECT_EQ(reason, rejection::max_session_rate_per_address);
    EXPECT_TRUE(admit(from("2001:db8:0:1::1")));
}

TEST_F(admission_test, AU02_penalties_count_an_ipv6_network) {
    fail_logins(from("2001:db8::1"));
    EXPECT_FALSE(admit(from("2001:db8::2")));
    EXPECT_EQ(reason, rejection::login_penalty);
    EXPECT_TRUE(admit(from("2001:db8:0:1::1")));
}

TEST_F(admission_test, AU02_loopback_addresses_get_no_penalty) {
    for (const char* each : {"127.0.0.1", "127.0.0.9", "::1"}) {
        fail_logins(from(each));
        EXPECT_TRUE(admit(from(each))) << each;
    }
}

TEST_F(admission_test, AU02_a_loopback_address_in_a_proxy_header_can_be_penalized) {
    for (const char* each : {"127.0.0.1", "::1"}) {
        fail_logins(from(each, connection_source::kind::proxied));
        EXPECT_FALSE(admit(from(each, connection_source::kind::proxied))) << each;
        EXPECT_TRUE(admit(from(each))) << "a connection from this machine itself";
    }
}

// The health checks of a load balancer must not use up the limits of its clients, and the other way around.
TEST_F(admission_test, connections_of_a_load_balancer_itself_do_not_count_per_address) {
    rules({.max_sessions_per_address = 1, .max_session_rate = 0.001, .max_session_rate_per_address = 0.001});
    const auto check = from("192.0.2.1", connection_source::kind::load_balancer);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(admit(check));
    fail_logins(check);
    EXPECT_TRUE(admit(check));
    EXPECT_TRUE(admit(from("192.0.2.1", connection_source::kind::proxied)));
    EXPECT_FALSE(admit(from("192.0.2.1", connection_source::kind::proxied)));
    EXPECT_TRUE(admit(check));
}

TEST_F(admission_test, connections_of_a_load_balancer_itself_count_in_the_total) {
    rules({.max_sessions = 1});
    EXPECT_TRUE(admit(from("192.0.2.1", connection_source::kind::load_balancer)));
    EXPECT_FALSE(admit(from("198.51.100.7")));
    EXPECT_EQ(reason, rejection::max_sessions);
    running.clear();
    EXPECT_TRUE(admit(from("198.51.100.7")));
}

// A pool of ten is too small for early rejections, so each outcome is certain.
TEST_F(admission_test, RX01_sessions_that_have_not_logged_in_have_a_pool_of_their_own) {
    rules({.max_sessions = 100, .max_sessions_before_login = 10});
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(admit(from("127.0.0.1")));
    EXPECT_FALSE(admit(from("198.51.100.7")));
    EXPECT_EQ(reason, rejection::max_sessions_before_login);
    EXPECT_EQ(counters.rejected_max_sessions_before_login.load(), 1U);
    running.front().leave_login_pool();
    running.front().leave_login_pool();
    EXPECT_TRUE(admit(from("198.51.100.7")));
    EXPECT_FALSE(admit(from("198.51.100.8")));
    running.pop_back();
    EXPECT_TRUE(admit(from("198.51.100.8")));
    running.clear();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(admit(from("127.0.0.1")));
    EXPECT_FALSE(admit(from("127.0.0.1")));
}

TEST_F(admission_test, RX01_one_address_has_at_most_half_of_all_sessions) {
    rules({.max_sessions = 9, .max_sessions_before_login = 9});
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(admit(from("198.51.100.7")));
    for (auto& slot : running) slot.leave_login_pool();
    EXPECT_FALSE(admit(from("198.51.100.7")));
    EXPECT_EQ(reason, rejection::max_sessions_per_address);
    EXPECT_TRUE(admit(from("198.51.100.8")));
}

TEST_F(admission_test, RX01_one_address_has_at_most_half_of_the_pool) {
    rules({.max_sessions = 100, .max_sessions_before_login = 10});
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(admit(from("2001:db8::1")));
    EXPECT_FALSE(admit(from("2001:db8::2")));
    EXPECT_EQ(reason, rejection::max_sessions_per_address_before_login);
    running.front().leave_login_pool();
    EXPECT_TRUE(admit(from("2001:db8::2")));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(admit(from("198.51.100.8")));
}

TEST_F(admission_test, RX01_the_shares_of_one_address_can_be_lifted) {
    rules({.max_sessions = 100, .max_sessions_before_login = 10, .max_sessions_per_address = 0});
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(admit(from("198.51.100.7")));
}

TEST_F(admission_test, RX01_loopback_and_load_balancers_have_no_share) {
    for (const auto& each : {from("127.0.0.1"), from("192.0.2.1", connection_source::kind::load_balancer)}) {
        rules({.max_sessions = 100, .max_sessions_before_login = 20});
        for (int i = 0; i < 20; ++i) EXPECT_TRUE(admit(each));
        EXPECT_FALSE(admit(each));
        running.clear();
        rules({.max_sessions = 10, .max_sessions_before_login = 10});
        for (int i = 0; i < 10; ++i) EXPECT_TRUE(admit(each));
        running.clear();
    }
}

TEST_F(admission_test, RX01_ten_addresses_that_do_not_log_in_leave_places_for_others) {
    rules({.max_sessions = 10'000});
    const auto attacker = [](int i) { return from(("198.51.100." + std::to_string(i % 10)).c_str()); };
    for (int i = 0; i < 20'000; ++i) (void)admit(attacker(i));
    EXPECT_LE(running.size(), 960U);
    int admitted = 0;
    for (int i = 0; i < 50; ++i) admitted += admit(from(("203.0.113." + std::to_string(i)).c_str())) ? 1 : 0;
    EXPECT_GE(admitted, 40);
}

TEST_F(admission_test, AU02_a_penalty_reaches_sessions_that_are_open) {
    EXPECT_TRUE(admit(from("198.51.100.7")));
    EXPECT_TRUE(admit(from("127.0.0.1")));
    EXPECT_FALSE(running[0].rejects_login("anna"));
    fail_logins(from("198.51.100.7"));
    fail_logins(from("127.0.0.1"));
    EXPECT_TRUE(running[0].rejects_login("anna"));
    EXPECT_FALSE(running[1].rejects_login("anna"));
    EXPECT_TRUE(admission_control->forgive(*ip_address::parse("198.51.100.7")));
    EXPECT_FALSE(running[0].rejects_login("anna"));
}

TEST_F(admission_test, AU02_an_accepted_password_is_known_for_its_address) {
    EXPECT_TRUE(admit(from("198.51.100.7")));
    EXPECT_FALSE(running[0].has_recent_login());
    running[0].report_login();
    EXPECT_TRUE(admit(from("198.51.100.7")));
    EXPECT_TRUE(admit(from("198.51.100.8")));
    EXPECT_TRUE(running[1].has_recent_login());
    EXPECT_FALSE(running[2].has_recent_login());
}

TEST_F(admission_test, AU02_guesses_from_many_addresses_do_not_lock_out_a_known_owner) {
    rules({.max_account_guesses = 60});
    EXPECT_TRUE(admit(from("203.0.113.7")));
    running[0].report_login();
    EXPECT_TRUE(admit(from("127.0.0.1")));
    int guesses = 0;
    std::optional<rejection> last;
    for (int i = 0; i < 1000; ++i) {
        const auto address = "198.51." + std::to_string(100 + i / 250) + '.' + std::to_string(i % 250);
        auto guesser = admission_control->admit(from(address.c_str()));
        ASSERT_TRUE(guesser);
        last = guesser->rejects_login("anna");
        if (last) continue;
        guesser->report(login_failure::refused);
        ++guesses;
    }
    EXPECT_LE(guesses, 60);
    EXPECT_EQ(last, rejection::account_guesses);
    EXPECT_EQ(counters.rejected_login_penalty.load(), 1000U - static_cast<unsigned>(guesses));
    EXPECT_FALSE(running[0].rejects_login("anna")) << "the owner's address has logged in recently";
    EXPECT_FALSE(running[1].rejects_login("anna")) << "a gateway on this machine has limits of its own";
    EXPECT_TRUE(admit(from("203.0.113.8")));
    EXPECT_FALSE(running[2].rejects_login("bob"));
    EXPECT_TRUE(running[2].rejects_login("anna"));
}

TEST_F(admission_test, AU02_without_the_setting_no_host_can_lock_out_an_owner) {
    for (int i = 0; i < 250; ++i) {
        auto guesser = admission_control->admit(from(("198.51.100." + std::to_string(i)).c_str()));
        ASSERT_TRUE(guesser);
        EXPECT_FALSE(guesser->rejects_login("anna"));
        guesser->report(login_failure::refused);
    }
}

TEST_F(admission_test, AU02_one_session_reserves_one_guess_for_one_password) {
    rules({.login_penalties = false, .max_account_guesses = 60});
    const auto guess = [&](const char* address, bool right) {
        auto slot = admission_control->admit(from(address));
        ASSERT_TRUE(slot);
        for (int i = 0; i < 100; ++i) ASSERT_FALSE(slot->rejects_login("anna"));
        if (right)
            slot->report_login();
        else
            slot->report(login_failure::refused);
    };
    guess("198.51.100.1", false);
    for (int i = 2; i < 60; ++i) guess(("198.51.100." + std::to_string(i)).c_str(), true);
}

TEST_F(admission_test, AU02_a_login_without_a_check_uses_up_no_guess) {
    rules({.login_penalties = false, .max_account_guesses = 60});
    const auto admitted = [&](int i) { return admission_control->admit(from(("198.51.100." + std::to_string(i)).c_str())); };
    auto first = admitted(1);
    ASSERT_FALSE(first->rejects_login("anna"));
    first->report(login_failure::refused);
    for (int i = 2; i < 60; ++i) {
        auto waits_in_vain = admitted(i);
        ASSERT_FALSE(waits_in_vain->rejects_login("anna")) << i;
        waits_in_vain->report_unchecked();
        auto leaves = admitted(i);
        ASSERT_FALSE(leaves->rejects_login("anna")) << i;
    }
    for (int i = 60; i < 120; ++i) {
        auto asks_for_another = admitted(i);
        ASSERT_FALSE(asks_for_another->rejects_login("anna")) << i;
        ASSERT_FALSE(asks_for_another->rejects_login("bob")) << i;
    }
}

TEST_F(admission_test, AU02_anonymous_names_have_no_limit_of_guesses) {
    rules({.login_penalties = false, .max_account_guesses = 6});
    auto slot = admission_control->admit(from("198.51.100.1"));
    ASSERT_TRUE(slot);
    ASSERT_FALSE(slot->rejects_login("anna"));
    for (int i = 0; i < 100; ++i) {
        ASSERT_FALSE(slot->rejects_login(i % 2 == 0 ? "anonymous" : "FTP")) << i;
        slot->report(login_failure::refused);
    }
    EXPECT_FALSE(slot->rejects_login("anna")) << "the refusals of anonymous logins are not hers";
}

// RX-02
TEST_F(admission_test, RX02_the_session_cap_holds_for_any_rules) {
    EXPECT_EQ(admission_control->cap_sessions(1), admission_rules().max_sessions);
    EXPECT_TRUE(admit(from("198.51.100.7")));
    EXPECT_FALSE(admit(from("198.51.100.8")));
    rules({.max_sessions = 100});
    EXPECT_FALSE(admit(from("198.51.100.8")));
    EXPECT_EQ(reason, rejection::max_sessions);
}

TEST(sessions_possible_test, RX02_each_session_has_descriptors_for_its_transfer) {
    for (const auto& need : {descriptor_need{1, 4}, descriptor_need{2, 6}}) {
        for (std::size_t free = 32; free < 4096; ++free) {
            const auto sessions = sessions_possible(free, need);
            const auto used = sessions * (need.session + need.transfer) + limits::reserved_descriptors;
            EXPECT_LE(used, free + need.session) << free;
            EXPECT_GE(used + need.session + need.transfer, free) << "all descriptors are used: " << free;
        }
    }
    EXPECT_EQ(sessions_possible(0, {}), 1U);
}

TEST(sessions_possible_test, RX02_many_idle_sessions_need_not_all_transfer_at_once) {
    EXPECT_GE(sessions_possible(20'000, {1, 4}), 15'000U);
    EXPECT_GE(sessions_possible(100'000, {2, 6}), 40'000U);
}

}  // namespace
}  // namespace sallyport::frontend
