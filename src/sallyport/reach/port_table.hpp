#pragma once
// Which of a number of ports to promise to which client: a choice over bit sets, without sockets, clock or lock.
//
// Ports are slots 0, 1, ... here. A slot is promised to any number of clients, but to each client once, and after its
// release it rests for that client. The choice is uniform over the slots that are free for the client: within the
// caller's share first (slot number modulo shares), then over all, and when none is free, the slot that has rested
// longest, again within the share first. Once as many slots are open as there should be, the others are used only where
// nothing else is left. A client costs one bit a slot for as long as something is promised to it or rests; when there are
// very many, the rests of the inactive ones are forgotten. One thread at a time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

class slot_set {
public:
    void resize(std::size_t slots) { words_.resize((slots + 63) / 64); }
    void insert(std::uint32_t slot) { word(slot) |= bit(slot); }
    void erase(std::uint32_t slot) { word(slot) &= ~bit(slot); }
    [[nodiscard]] bool contains(std::uint32_t slot) const { return (words_[slot / 64] & bit(slot)) != 0; }
    [[nodiscard]] const std::vector<std::uint64_t>& words() const noexcept { return words_; }

private:
    static std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << (slot % 64); }
    std::uint64_t& word(std::uint32_t slot) { return words_[slot / 64]; }
    std::vector<std::uint64_t> words_;
};

class port_table {
public:
    using slot = std::uint32_t;
    using time = std::chrono::steady_clock::time_point;

    /// `most_open`: how many slots should be open at a time. REQUIRES: shares > 0.
    port_table(std::size_t slots, std::size_t shares, std::chrono::seconds cooldown, std::size_t max_open = SIZE_MAX);

    [[nodiscard]] std::size_t size() const noexcept { return slots_; }
    void grow(std::size_t slots);

    /// Promises a slot to `client`; nothing where none is left.
    [[nodiscard]] std::optional<slot> reserve(const ip_address& client, std::size_t share, time now);
    /// The promise ends; the slot rests.
    void release(const ip_address& client, slot s, time now);
    /// The promise was never told to anybody; the slot is free at once.
    void cancel(const ip_address& client, slot s);

    /// The slot costs nothing more from now on.
    void set_open(slot s);
    /// Not to be promised to anybody until then; time::max(): never.
    void exclude(slot s, time until);

    // Remembered without a promise.
    static constexpr std::size_t max_clients = 4096;
    [[nodiscard]] std::size_t clients() const noexcept { return ports_by_client_.size(); }

private:
    struct timed_slot {
        slot number;
        time until;
    };
    /// What one client has.
    struct client_ports {
        // Promised or resting.
        slot_set unavailable;
        // In order of time.
        std::deque<timed_slot> cooldowns;
        std::size_t reserved = 0;
    };

    client_ports& ports_of(const ip_address& client);
    void expire_cooldowns(client_ports& ports, time now);
    void expire_exclusions(time now);
    [[nodiscard]] std::optional<slot> choose(const slot_set& share, const slot_set& candidates,
                                             const client_ports& ports) const;
    [[nodiscard]] std::optional<slot> oldest_cooldown(const slot_set& share, client_ports& ports) const;

    std::size_t slots_ = 0;
    std::chrono::seconds cooldown_;
    slot_set all_;
    std::vector<slot_set> shares_;
    slot_set open_;
    std::size_t open_count_ = 0;
    std::size_t max_open_;
    slot_set excluded_;
    std::vector<timed_slot> exclusions_;
    std::unordered_map<ip_address, client_ports> ports_by_client_;
    std::size_t sweep_at_ = max_clients;
};

}  // namespace sallyport::reach
