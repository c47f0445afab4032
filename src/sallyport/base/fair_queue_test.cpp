#include <sallyport/base/fair_queue.hpp>

#include <array>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include <gtest/gtest.h>

namespace {

/// A key that cannot be copied after some copies, as if there were no memory.
struct key_without_memory {
    explicit key_without_memory(char n) : name(n) {}
    key_without_memory(const key_without_memory& other) : name(other.name) {
        if (copies_left-- == 0) throw std::bad_alloc();
    }
    key_without_memory& operator=(const key_without_memory&) = delete;
    ~key_without_memory() = default;
    friend bool operator==(const key_without_memory&, const key_without_memory&) = default;

    char name;
    static inline int copies_left = -1;
};

}  // namespace

template <>
struct std::hash<key_without_memory> {
    std::size_t operator()(const key_without_memory& key) const noexcept { return static_cast<std::size_t>(key.name); }
};

namespace sallyport {
namespace {

/// Ten sessions of each of 200 addresses.
work_owner owner(unsigned address, unsigned session = 0) {
    static const std::array<std::array<char, 10>, 200> sessions{};
    return {ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(address)}), &sessions.at(address).at(session)};
}

class fair_queue_test : public ::testing::Test {
protected:
    void push(unsigned address, unsigned session, const std::string& items) {
        for (const char c : items) EXPECT_FALSE(queue.push(owner(address, session), c));
    }
    std::string pop(std::size_t count) {
        std::string out;
        while (count-- > 0 && !queue.empty()) out += queue.pop();
        return out;
    }
    std::string remove(unsigned address, unsigned session) {
        std::string out;
        queue.remove(owner(address, session), [&out](char item) { out += item; });
        return out;
    }
    std::string pop_all() { return pop(SIZE_MAX); }

    fair_queue<char> queue;
};

TEST_F(fair_queue_test, items_of_a_session_keep_their_order) {
    push(1, 0, "abcdef");
    EXPECT_EQ(queue.size(), 6U);
    EXPECT_EQ(pop_all(), "abcdef");
    EXPECT_TRUE(queue.empty());
}

TEST_F(fair_queue_test, addresses_take_turns) {
    push(1, 0, "aaaa");
    push(2, 0, "bb");
    push(3, 0, "c");
    EXPECT_EQ(pop_all(), "abcabaa");
}

TEST_F(fair_queue_test, sessions_of_an_address_take_turns) {
    push(1, 0, "aaaa");
    push(1, 1, "bb");
    push(2, 0, "ccccccc");
    EXPECT_EQ(pop_all(), "acbcacbcacacc");
}

TEST_F(fair_queue_test, many_sessions_do_not_get_an_address_more_turns) {
    for (unsigned session = 0; session < 10; ++session) push(1, session, "a");
    push(2, 0, "bbbb");
    EXPECT_EQ(pop(8), "abababab");
}

TEST_F(fair_queue_test, an_address_with_little_work_is_served_before_those_with_much) {
    for (unsigned address = 1; address <= 10; ++address) push(address, 0, "aaaaaaaaaa");
    EXPECT_EQ(pop(15), "aaaaaaaaaaaaaaa");
    push(11, 0, "b");
    EXPECT_EQ(pop(1), "b");
}

TEST_F(fair_queue_test, an_address_that_adds_one_item_at_a_time_waits_for_its_turn) {
    for (unsigned address = 1; address <= 3; ++address) push(address, 0, "aaaaaaaaaa");
    EXPECT_EQ(pop(6), "aaaaaa");
    push(4, 0, "b");
    EXPECT_EQ(pop(1), "b");
    push(4, 0, "c");
    EXPECT_EQ(pop(4), "aaac");
}

TEST_F(fair_queue_test, new_addresses_do_not_stop_the_others) {
    push(100, 0, "aaaa");
    EXPECT_EQ(pop(1), "a");
    for (unsigned address = 1; address <= 9; ++address) push(address, 0, "n");
    EXPECT_EQ(pop_all(), "nnannnannnan");
}

TEST_F(fair_queue_test, a_full_queue_takes_from_the_address_that_holds_more) {
    fair_queue<char> small(4);
    for (const char c : {'a', 'b', 'c', 'd'}) EXPECT_FALSE(small.push(owner(1), c));
    EXPECT_EQ(small.push(owner(1), 'e'), 'e') << "its own place is full";
    EXPECT_EQ(small.push(owner(2), 'x'), 'd') << "the newest one of the largest";
    EXPECT_EQ(small.push(owner(2), 'y'), 'c');
    EXPECT_EQ(small.push(owner(2), 'z'), 'z') << "nothing is taken from an address that holds as little";
    EXPECT_EQ(small.size(), 4U);
    std::string rest;
    while (!small.empty()) rest += small.pop();
    EXPECT_EQ(rest, "axby");
}

TEST_F(fair_queue_test, the_items_of_a_session_that_ended_are_returned) {
    push(1, 0, "aaa");
    push(1, 1, "b");
    push(2, 0, "c");
    EXPECT_EQ(remove(1, 0), "aaa");
    EXPECT_EQ(queue.size(), 2U);
    EXPECT_EQ(remove(1, 0), "");
    EXPECT_EQ(remove(7, 0), "");
    EXPECT_EQ(pop_all(), "bc");
}

TEST_F(fair_queue_test, a_removed_item_does_not_give_its_address_a_new_turn) {
    for (unsigned address = 1; address <= 3; ++address) push(address, 0, "aaaaaaaaaa");
    EXPECT_EQ(pop(6), "aaaaaa");
    push(4, 0, "b");
    EXPECT_EQ(pop(1), "b");
    push(4, 1, "c");
    EXPECT_EQ(remove(4, 1), "c");
    push(4, 0, "d");
    EXPECT_EQ(pop(4), "aaad");
}

TEST(fair_turns, RX03_an_item_is_found_after_one_for_which_there_was_no_memory) {
    fair::turns<key_without_memory, fair::first_in_first_out<char>> queue;
    const key_without_memory first('1');
    const key_without_memory second('2');
    queue.push(first, 'a');
    key_without_memory::copies_left = 1;
    EXPECT_THROW(queue.push(second, 'x'), std::bad_alloc);
    queue.push(second, 'b');
    queue.push(second, 'c');
    EXPECT_EQ(queue.pop(), 'a');
    EXPECT_EQ(queue.pop(), 'b');
    std::string removed;
    auto keep = [&removed](char item) { removed += item; };
    queue.remove(keep, second);
    EXPECT_EQ(removed, "c");
    EXPECT_EQ(queue.size(), 0U);
}

TEST_F(fair_queue_test, items_may_be_movable_only) {
    fair_queue<std::unique_ptr<int>> of_pointers(1);
    EXPECT_FALSE(of_pointers.push(owner(1), std::make_unique<int>(1)));
    const auto refused = of_pointers.push(owner(1), std::make_unique<int>(2));
    ASSERT_TRUE(refused);
    EXPECT_EQ(**refused, 2);
    EXPECT_EQ(*of_pointers.pop(), 1);
}

}  // namespace
}  // namespace sallyport
