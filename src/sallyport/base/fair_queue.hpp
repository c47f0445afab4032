#pragma once
// A bounded queue of work that is fair by client address, and among the sessions of an address by session: no client can
// delay the others with the amount of work that it adds.
//
// Addresses take turns, and so do the sessions of an address; each turn is one item, and the items of a session keep their
// order. An address or session that had nothing queued is served before those that have, as in the FQ-CoDel scheduler
// (RFC 8290, section 4), so a client with little work hardly waits for clients with much. It counts as new again only when
// the turns of the others have passed once, and at most max_new_in_row new ones are served in a row.
//
// If the queue is full, an address that holds less than the largest one gets its place.
//
// A value, owned by its user; one thread at a time. Items are moved, and none is destroyed by the queue while it exists.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include <sallyport/base/address.hpp>

namespace sallyport {

/// The client on whose behalf work is done.
struct work_owner {
    // As ip_address::client_network() returns it.
    ip_address address;
    // Identifies the session; it is never dereferenced. May be null.
    const void* session = nullptr;
};

namespace fair {

/// The number of new queues that are served in a row while others wait.
inline constexpr unsigned max_new_in_row = 3;

/// The items of one session.
template <class Item>
class first_in_first_out {
public:
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    void push(Item item) { items_.push_back(std::move(item)); }
    /// REQUIRES: size() > 0.
    [[nodiscard]] Item pop() {
        Item out = std::move(items_.front());
        items_.pop_front();
        return out;
    }
    /// REQUIRES: size() > 0.
    [[nodiscard]] Item pop_newest() {
        Item out = std::move(items_.back());
        items_.pop_back();
        return out;
    }
    template <class Action>
    void remove_all(Action& action) {
        for (Item& item : items_) action(std::move(item));
        items_.clear();
    }

private:
    std::deque<Item> items_;
};

/// Queues that take turns: one for each key.
template <class Key, class Queue>
class turns {
public:
    /// Items in all queues.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t size_of(const Key& key) const {
        const auto found = entries_.find(key);
        return found == entries_.end() ? 0 : found->second->queue.size();
    }
    /// The size of the largest queue.
    [[nodiscard]] std::size_t max_size() const noexcept {
        std::size_t out = 0;
        for (const auto& [key, at] : entries_) out = std::max(out, at->queue.size());
        return out;
    }

    /// `rest`: the keys below this level, and the item.
    template <class... Rest>
    void push(const Key& key, Rest&&... rest) {
        // Without contention there is nothing to remember.
        if (size_ == 0) clear();
        auto found = entries_.find(key);
        if (found == entries_.end()) {
            // Both or neither: without memory, no queue may be left that cannot be found.
            std::list<entry> added;
            added.emplace_back(key);
            found = entries_.emplace(key, added.begin()).first;
            new_.splice(new_.end(), added);
        }
        found->second->queue.push(std::forward<Rest>(rest)...);
        ++size_;
    }
    /// REQUIRES: size() > 0.
    [[nodiscard]] auto pop() {
        for (;;) {
            const bool from_new = !new_.empty() && (new_in_row_ < max_new_in_row || served_.empty());
            auto& from = from_new ? new_ : served_;
            const auto turn = from.begin();
            if (turn->queue.size() == 0) {
                // It had its turn before, and has added nothing since.
                entries_.erase(turn->key);
                from.erase(turn);
                continue;
            }
            served_.splice(served_.end(), from, turn);
            turn->served = true;
            new_in_row_ = from_new ? new_in_row_ + 1 : 0;
            --size_;
            return turn->queue.pop();
        }
    }
    /// The newest item of the largest queue. REQUIRES: size() > 0.
    [[nodiscard]] auto pop_newest() {
        auto largest = entries_.begin()->second;
        for (const auto& [key, at] : entries_)
            if (at->queue.size() > largest->queue.size()) largest = at;
        --size_;
        return largest->queue.pop_newest();
    }
    /// `rest`: the keys below this level.
    template <class Action, class... Rest>
    void remove(Action& action, const Key& key, const Rest&... rest) {
        const auto found = entries_.find(key);
        if (found == entries_.end()) return;
        const auto at = found->second;
        const auto before = at->queue.size();
        if constexpr (sizeof...(Rest) == 0)
            at->queue.remove_all(action);
        else
            at->queue.remove(action, rest...);
        size_ -= before - at->queue.size();
        // One that was served keeps its place until its next turn, so it does not become new by this.
        if (at->queue.size() != 0 || at->served) return;
        entries_.erase(found);
        new_.erase(at);
    }

private:
    struct entry {
        explicit entry(const Key& k) : key(k) {}
        Key key;
        Queue queue;
        bool served = false;
    };

    void clear() noexcept {
        entries_.clear();
        new_.clear();
        served_.clear();
        new_in_row_ = 0;
    }

    // Those that have not had a turn since they were added, and the others; each in the order of their next turn.
    std::list<entry> new_;
    std::list<entry> served_;
    std::unordered_map<Key, typename std::list<entry>::iterator> entries_;
    std::size_t size_ = 0;
    unsigned new_in_row_ = 0;
};

}  // namespace fair

template <class Item>
class fair_queue {
public:
    explicit fair_queue(std::size_t max_size = SIZE_MAX) : max_size_(max_size) {}

    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] bool empty() const noexcept { return items_.size() == 0; }

    /// Adds an item. If the queue is full, an item has no place and is returned: this one, or the newest one of an address
    /// that holds more.
    [[nodiscard]] std::optional<Item> push(const work_owner& owner, Item item) {
        std::optional<Item> displaced;
        if (items_.size() >= max_size_) {
            if (items_.size_of(owner.address) + 1 >= items_.max_size()) return item;
            displaced = items_.pop_newest();
        }
        items_.push(owner.address, owner.session, std::move(item));
        return displaced;
    }
    /// The next item. REQUIRES: !empty().
    [[nodiscard]] Item pop() { return items_.pop(); }
    /// Removes the items of a session, for example because its client has disconnected, and calls `action` with each.
    template <class Action>
    void remove(const work_owner& owner, Action action) {
        items_.remove(action, owner.address, owner.session);
    }

private:
    std::size_t max_size_;
    fair::turns<ip_address, fair::turns<const void*, fair::first_in_first_out<Item>>> items_;
};

}  // namespace sallyport
