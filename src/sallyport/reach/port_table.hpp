#pragma once
// Chooses which port to reserve for which client, with bit sets; no sockets, clock or lock.
//
// Ports are slots 0, 1, ... here. A slot can be reserved for any number of clients, once for each, and after its release it
// is in cooldown for that client. The choice is uniform over the slots that are free for the client: first within the
// caller's share (slot number modulo shares), then over all slots. If none is free, it is the slot whose cooldown started
// first, again within the share first. Once `max_open` slots are open, the others are chosen only if no open one is left.
//
// A client takes one bit per slot while it has a reservation or a cooldown. If there are very many clients, the cooldowns of
// those without a reservation are erased.
//
// A value, owned by port_broker; one thread at a time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

/// A set of slots, one bit each.
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

    /// `max_open`: how many slots may be open while they suffice. REQUIRES: shares > 0.
    port_table(std::size_t slots, std::size_t shares, std::chrono::seconds cooldown, std::size_t max_open = SIZE_MAX);

    [[nodiscard]] std::size_t size() const noexcept { return slots_; }
    void grow(std::size_t slots);

    /// Reserves a slot for `client`; empty if none is left. `among`: only one of these; null: any.
    [[nodiscard]] std::optional<slot> reserve(const ip_address& client, std::size_t share, time now,
                                              const slot_set* among = nullptr);
    /// Releases the reservation; the cooldown of the slot starts.
    void release(const ip_address& client, slot s, time now);
    /// Cancels a reservation whose port was never advertised; the slot is free at once, without a cooldown.
    void cancel(const ip_address& client, slot s);

    /// The port of this slot has a listener now, which stays open.
    void set_open(slot s);
    /// Excludes the slot for all clients until `until`; time::max(): for ever.
    void exclude(slot s, time until);

    // Clients without a reservation whose cooldowns are kept.
    static constexpr std::size_t max_clients = 4096;
    [[nodiscard]] std::size_t clients() const noexcept { return ports_by_client_.size(); }

private:
    struct timed_slot {
        slot number;
        time until;
    };
    /// The reservations and cooldowns of one client.
    struct client_ports {
        // Reserved or in cooldown.
        slot_set unavailable;
        // Ordered by time.
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
