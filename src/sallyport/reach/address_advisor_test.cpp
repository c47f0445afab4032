#include <sallyport/reach/address_advisor.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

ip_address ip(const char* text) { return *ip_address::parse(text); }

std::vector<address_rule> rules(std::initializer_list<const char*> texts) {
    std::vector<address_rule> out;
    for (const auto* text : texts) out.push_back(*address_rule::parse(text));
    return out;
}

/// Answers look-ups one after the other; the last one for good.
struct script {
    std::vector<result<std::vector<ip_address>>> answers;
    std::size_t asked = 0;
    std::string host;
};

net::task<result<std::vector<ip_address>>> answer(std::shared_ptr<script> s, std::string host) {
    s->host = std::move(host);
    const auto& next = s->answers[std::min(s->asked, s->answers.size() - 1)];
    ++s->asked;
    co_return next;
}

name_resolver scripted(std::shared_ptr<script> s) {
    return [s](net::loop&, std::string host, net::time_limit) { return answer(s, std::move(host)); };
}

class advisor : public testing::Test {
protected:
    /// Runs the loop until `done` says so; at most ten seconds.
    template <class Condition>
    void run_until(Condition done) {
        const auto end = net::clock::now() + 10s;
        while (!done() && net::clock::now() < end) {
            loops_.at(0).context().restart();
            loops_.at(0).context().run_for(1ms);
        }
        EXPECT_TRUE(done());
    }

    [[nodiscard]] bool advertises(const address_advisor& a, const char* address) const {
        return a.advertise(visitor_)->address == ip(address);
    }

    net::loop_group loops_{1};
    const ip_address local_ = ip("192.168.1.2");
    const visitor visitor_{ip("198.51.100.7"), {local_, 21}, false};
    const visitor by_ipv6_{ip("2001:db8::7"), {ip("2001:db8::1"), 21}, false};
};

TEST_F(advisor, without_an_external_address_it_is_the_one_that_was_reached) {
    const address_advisor a(loops_.at(0), {});
    const auto advice = a.advertise(visitor_);
    ASSERT_TRUE(advice);
    EXPECT_EQ(advice->address, local_);
    EXPECT_EQ(advice->reason, "the address the client reached");
    EXPECT_FALSE(a.advertise(by_ipv6_));
}

// G4, S3
TEST_F(advisor, a_fixed_address_is_advertised_to_everybody) {
    address_advisor a(loops_.at(0), rules({"203.0.113.5"}));
    a.start();
    EXPECT_EQ(a.advertise(visitor_)->address, ip("203.0.113.5"));
    EXPECT_EQ(a.advertise(visitor_)->reason, "external address");
    EXPECT_EQ(a.advertise(by_ipv6_)->address, ip("203.0.113.5"));
}

// S3
TEST_F(advisor, a_name_is_followed_as_it_changes) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("2001:db8::5"), ip("203.0.113.5")}}};
    address_advisor a(loops_.at(0), rules({"ftp.example.org"}), 0s, scripted(s));
    EXPECT_EQ(a.advertise(visitor_)->address, local_) << "before the first answer";
    a.start();
    run_until([&] { return advertises(a, "203.0.113.5"); });
    EXPECT_EQ(s->host, "ftp.example.org");
    EXPECT_EQ(a.advertise(visitor_)->reason, "name ftp.example.org");
    s->answers.push_back({{ip("203.0.113.6")}});
    run_until([&] { return advertises(a, "203.0.113.6"); });
}

// S3
TEST_F(advisor, the_last_good_answer_outlives_failures) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}, fail(errc::unresolved), {{ip("2001:db8::5")}}, fail(errc::timeout)};
    address_advisor a(loops_.at(0), rules({"ftp.example.org"}), 0s, scripted(s));
    a.start();
    run_until([&] { return s->asked > 5; });
    EXPECT_TRUE(advertises(a, "203.0.113.5"));
}

TEST_F(advisor, service_can_start_before_the_name_resolves) {
    const auto s = std::make_shared<script>();
    s->answers = {fail(errc::unresolved, "ftp.example.org")};
    address_advisor a(loops_.at(0), rules({"ftp.example.org"}), 0s, scripted(s));
    a.start();
    run_until([&] { return s->asked > 0; });
    EXPECT_EQ(a.advertise(visitor_)->address, local_);
    s->answers.push_back({{ip("203.0.113.5")}});
    run_until([&] { return advertises(a, "203.0.113.5"); });
}

TEST_F(advisor, a_name_without_ipv4_is_as_good_as_none) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("2001:db8::5")}}};
    address_advisor a(loops_.at(0), rules({"six.example.org"}), 0s, scripted(s));
    a.start();
    run_until([&] { return s->asked > 2; });
    EXPECT_EQ(a.advertise(visitor_)->address, local_);
}

// S3: inside clients get the inside address, the others the name's.
TEST_F(advisor, tells_each_client_by_its_rule) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    address_advisor a(loops_.at(0), rules({"ftp.example.org", "10.0.0.0/8=client-destination", "tls=192.0.2.8"}), 3600s,
                      scripted(s));
    a.start();
    run_until([&] { return advertises(a, "203.0.113.5"); });
    EXPECT_EQ(a.advertise({ip("10.1.2.3"), {local_, 21}, false})->address, local_);
    EXPECT_EQ(a.advertise({visitor_.client, {local_, 21}, true})->address, ip("192.0.2.8"));
}

TEST_F(advisor, asks_once_for_a_name_in_several_rules) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    address_advisor a(loops_.at(0), rules({"ftp.example.org", "tls=ftp.example.org"}), 3600s, scripted(s));
    a.start();
    run_until([&] { return advertises(a, "203.0.113.5"); });
    EXPECT_EQ(a.advertise({visitor_.client, {local_, 21}, true})->address, ip("203.0.113.5"));
    EXPECT_EQ(s->asked, 1U);
}

// G6: new rules do not tell the wrong address until the same name is looked up once more.
TEST_F(advisor, another_one_can_learn_from_it) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    address_advisor before(loops_.at(0), rules({"ftp.example.org"}), 3600s, scripted(s));
    before.start();
    run_until([&] { return advertises(before, "203.0.113.5"); });
    address_advisor after(loops_.at(0), rules({"ftp.example.org", "tls=other.example.org"}), 3600s, scripted(s));
    after.learn_from(before);
    EXPECT_TRUE(advertises(after, "203.0.113.5"));
}

TEST_F(advisor, stops_asking) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    {
        address_advisor a(loops_.at(0), rules({"ftp.example.org"}), 3600s, scripted(s));
        a.start();
        run_until([&] { return s->asked == 1; });
        EXPECT_EQ(loops_.at(0).running(), 1U);
    }
    run_until([&] { return loops_.at(0).running() == 0; });
    EXPECT_EQ(s->asked, 1U);
}

}  // namespace
}  // namespace sallyport::reach
