#include <sallyport/reach/address_selector.hpp>

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

/// Answers lookups in order, and repeats the last answer.
struct script {
    std::vector<result<std::vector<ip_address>>> answers;
    std::size_t queries = 0;
    std::string host;
};

net::task<result<std::vector<ip_address>>> answer(std::shared_ptr<script> s, std::string host) {
    s->host = std::move(host);
    const auto& next = s->answers[std::min(s->queries, s->answers.size() - 1)];
    ++s->queries;
    co_return next;
}

name_resolver scripted(std::shared_ptr<script> s) {
    return [s](net::loop&, std::string host, net::time_limit) { return answer(s, std::move(host)); };
}

class selector : public testing::Test {
protected:
    /// Runs the loop until `done` returns true, for at most 10 s.
    template <class Condition>
    void run_until(Condition done) {
        const auto end = net::clock::now() + 10s;
        while (!done() && net::clock::now() < end) {
            loops_.at(0).context().restart();
            loops_.at(0).context().run_for(1ms);
        }
        EXPECT_TRUE(done());
    }

    [[nodiscard]] bool selects(const address_selector& a, const char* address) const {
        return a.select(client_)->address == ip(address);
    }

    net::loop_group loops_{1};
    const ip_address local_ = ip("192.168.1.2");
    const client_info client_{ip("198.51.100.7"), {local_, 21}, false};
    const client_info ipv6_client_{ip("2001:db8::7"), {ip("2001:db8::1"), 21}, false};
};

TEST_F(selector, selects_the_client_destination_without_an_external_address) {
    const address_selector a(loops_.at(0), {});
    const auto selected = a.select(client_);
    ASSERT_TRUE(selected);
    EXPECT_EQ(selected->address, local_);
    EXPECT_FALSE(selected->is_external);
    EXPECT_FALSE(a.select(ipv6_client_));
}

// G4, S3
TEST_F(selector, selects_a_fixed_address_for_all_clients) {
    address_selector a(loops_.at(0), rules({"203.0.113.5"}));
    a.start();
    EXPECT_EQ(a.select(client_)->address, ip("203.0.113.5"));
    EXPECT_TRUE(a.select(client_)->is_external);
    EXPECT_EQ(a.select(ipv6_client_)->address, ip("203.0.113.5"));
}

// S3
TEST_F(selector, follows_a_name_as_it_changes) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("2001:db8::5"), ip("203.0.113.5")}}};
    address_selector a(loops_.at(0), rules({"ftp.example.org"}), {}, {}, 0s, scripted(s));
    EXPECT_EQ(a.select(client_)->address, local_) << "before the first lookup has finished";
    a.start();
    run_until([&] { return selects(a, "203.0.113.5"); });
    EXPECT_EQ(s->host, "ftp.example.org");
    EXPECT_TRUE(a.select(client_)->is_external);
    s->answers.push_back({{ip("203.0.113.6")}});
    run_until([&] { return selects(a, "203.0.113.6"); });
}

// S3
TEST_F(selector, keeps_the_last_address_if_the_lookup_fails) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}, fail(errc::unresolved), {{ip("2001:db8::5")}}, fail(errc::timeout)};
    address_selector a(loops_.at(0), rules({"ftp.example.org"}), {}, {}, 0s, scripted(s));
    a.start();
    run_until([&] { return s->queries > 5; });
    EXPECT_TRUE(selects(a, "203.0.113.5"));
}

TEST_F(selector, selects_the_client_destination_until_the_name_resolves) {
    const auto s = std::make_shared<script>();
    s->answers = {fail(errc::unresolved, "ftp.example.org")};
    address_selector a(loops_.at(0), rules({"ftp.example.org"}), {}, {}, 0s, scripted(s));
    a.start();
    run_until([&] { return s->queries > 0; });
    EXPECT_EQ(a.select(client_)->address, local_);
    s->answers.push_back({{ip("203.0.113.5")}});
    run_until([&] { return selects(a, "203.0.113.5"); });
}

TEST_F(selector, ignores_a_name_without_an_ipv4_address) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("2001:db8::5")}}};
    address_selector a(loops_.at(0), rules({"six.example.org"}), {}, {}, 0s, scripted(s));
    a.start();
    run_until([&] { return s->queries > 2; });
    EXPECT_EQ(a.select(client_)->address, local_);
}

// S3: clients of the internal network get the internal address, others the address of the name.
TEST_F(selector, selects_by_rule_for_each_client) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    address_selector a(loops_.at(0), rules({"ftp.example.org", "10.0.0.0/8=client-destination", "tls=192.0.2.8"}), {}, {},
                       3600s, scripted(s));
    a.start();
    run_until([&] { return selects(a, "203.0.113.5"); });
    EXPECT_EQ(a.select({ip("10.1.2.3"), {local_, 21}, false})->address, local_);
    EXPECT_EQ(a.select({client_.address, {local_, 21}, true})->address, ip("192.0.2.8"));
}

TEST_F(selector, resolves_a_name_in_several_rules_once) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    address_selector a(loops_.at(0), rules({"ftp.example.org", "tls=ftp.example.org"}), {}, {}, 3600s, scripted(s));
    a.start();
    run_until([&] { return selects(a, "203.0.113.5"); });
    EXPECT_EQ(a.select({client_.address, {local_, 21}, true})->address, ip("203.0.113.5"));
    EXPECT_EQ(s->queries, 1U);
}

// G6: after a reload the address of an unchanged name is available at once.
TEST_F(selector, copies_resolved_addresses) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    address_selector before(loops_.at(0), rules({"ftp.example.org"}), {}, {}, 3600s, scripted(s));
    before.start();
    run_until([&] { return selects(before, "203.0.113.5"); });
    address_selector after(loops_.at(0), rules({"ftp.example.org", "tls=other.example.org"}), {}, {}, 3600s, scripted(s));
    after.copy_addresses_from(before);
    EXPECT_TRUE(selects(after, "203.0.113.5"));
}

TEST_F(selector, stops_resolving) {
    const auto s = std::make_shared<script>();
    s->answers = {{{ip("203.0.113.5")}}};
    {
        address_selector a(loops_.at(0), rules({"ftp.example.org"}), {}, {}, 3600s, scripted(s));
        a.start();
        run_until([&] { return s->queries == 1; });
        EXPECT_EQ(loops_.at(0).running(), 1U);
    }
    run_until([&] { return loops_.at(0).running() == 0; });
    EXPECT_EQ(s->queries, 1U);
}

// S3
TEST_F(selector, selects_the_address_of_the_router_for_clients_on_the_internet) {
    const auto router = std::make_shared<mapped_ports>();
    const auto own = std::make_shared<own_networks>();
    const address_selector a(loops_.at(0), rules({"auto"}), router, own);
    EXPECT_TRUE(selects(a, "192.168.1.2")) << "it has no address yet";
    EXPECT_FALSE(a.select(client_)->is_external);
    router->set_address(ip("5.9.1.1"));
    EXPECT_TRUE(selects(a, "5.9.1.1"));
    EXPECT_TRUE(a.select(client_)->is_external);
    for (const auto* local : {"192.168.1.7", "100.64.0.7", "169.254.1.1", "127.0.0.1"})
        EXPECT_EQ(a.select({ip(local), {local_, 21}, false})->address, local_) << local;
    EXPECT_FALSE(a.select(ipv6_client_));
    router->set_address(std::nullopt);
    EXPECT_TRUE(selects(a, "192.168.1.2"));
}

}  // namespace
}  // namespace sallyport::reach
