#include <sallyport/server/login_turns.hpp>

#include <memory>
#include <string>
#include <vector>

#include <sallyport/net/net_test.hpp>

namespace sallyport::server {
namespace {

using net::task;
using namespace std::chrono_literals;

struct contender {
    char name;
    std::uint8_t address;
    bool known = false;
    bool leaves = false;
};

class login_turns_test : public net::net_test {};

task<> contend(login_turns& all, net::loop& loop, contender as, std::string& order) {
    const work_owner owner{ip_address::v4({192, 0, 2, as.address}), &as};
    login_turn turn(all, loop, owner, as.known);
    std::function<bool()> leaves = [as] { return as.leaves; };
    const auto reached = co_await turn.wait(std::move(leaves));
    using enum login_turn::state;
    order += reached == granted ? as.name : reached == rejected ? '-' : '.';
    co_await loop.yield();
}

/// All wait while one has the only turn; the result is the order in which they get it.
task<std::string> order_of(net::loop& loop, std::size_t max_queued, std::vector<contender> all) {
    login_turns turns(1, max_queued);
    std::string order;
    {
        login_turn first(turns, loop, {}, false);
        for (const contender& each : all) {
            loop.spawn("a contender", contend(turns, loop, each, order));
            co_await loop.sleep_for(1ms);
        }
    }
    while (order.size() < all.size()) co_await loop.sleep_for(1ms);
    login_turn last(turns, loop, {}, false);
    std::function<bool()> never = [] { return false; };
    const auto reached = co_await last.wait(std::move(never));
    co_return reached == login_turn::state::granted ? order : "a turn was lost";
}

TEST_F(login_turns_test, AU03_addresses_take_turns) {
    EXPECT_EQ(run(order_of(test_loop(), 100, {{'a', 1}, {'b', 1}, {'c', 1}, {'x', 2}, {'y', 3}})), "axybc");
}

TEST_F(login_turns_test, AU03_a_client_that_left_is_removed) {
    EXPECT_EQ(run(order_of(test_loop(), 100, {{'a', 1, false, true}, {'b', 1}, {'c', 1, false, true}, {'x', 2}})), "..bx");
}

TEST_F(login_turns_test, AU03_a_full_queue_rejects_a_login_of_the_address_with_the_longest_queue) {
    EXPECT_EQ(run(order_of(test_loop(), 3, {{'a', 1}, {'b', 1}, {'c', 1}, {'d', 1}, {'x', 2}, {'y', 3}})), "---axy");
}

TEST_F(login_turns_test, AU02_known_addresses_go_first_but_not_for_ever) {
    EXPECT_EQ(run(order_of(test_loop(), 100,
                           {{'a', 1}, {'b', 1}, {'v', 2, true}, {'w', 2, true}, {'x', 2, true}, {'y', 2, true}})),
              "vwxayb");
}

}  // namespace
}  // namespace sallyport::server
