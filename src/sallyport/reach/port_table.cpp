#include <sallyport/reach/port_table.hpp>
#include <sallyport/reach/random.hpp>

#include <algorithm>
#include <bit>

namespace sallyport::reach {

port_table::port_table(std::size_t slots, std::size_t shares, std::chrono::seconds cooldown, std::size_t max_open)
    : cooldown_(cooldown), shares_(shares), max_open_(max_open) {
    grow(slots);
}

void port_table::grow(std::size_t slots) {
    all_.resize(slots);
    open_.resize(slots);
    excluded_.resize(slots);
    for (auto& share : shares_) share.resize(slots);
    for (; slots_ < slots; ++slots_) {
        all_.insert(static_cast<slot>(slots_));
        shares_[slots_ % shares_.size()].insert(static_cast<slot>(slots_));
    }
}

std::optional<port_table::slot> port_table::reserve(const ip_address& client, std::size_t share, time now,
                                                    const slot_set* among) {
    expire_exclusions(now);
    client_ports& ports = ports_of(client);
    expire_cooldowns(ports, now);
    const slot_set& candidates = open_count_ < max_open_ ? all_ : open_;
    // A few ports are not divided among the loops.
    const slot_set& all = among == nullptr ? all_ : *among;
    const slot_set& preferred = among == nullptr ? shares_[share % shares_.size()] : *among;
    auto found = choose(preferred, candidates, ports);
    if (!found) found = choose(all, candidates, ports);
    if (!found) found = oldest_cooldown(preferred, ports);
    if (!found) found = oldest_cooldown(all, ports);
    if (!found) found = choose(all, all_, ports);
    if (!found) return std::nullopt;
    ports.unavailable.insert(*found);
    ++ports.reserved;
    return found;
}

void port_table::release(const ip_address& client, slot s, time now) {
    client_ports& ports = ports_of(client);
    --ports.reserved;
    ports.cooldowns.push_back({s, now + cooldown_});
}

void port_table::cancel(const ip_address& client, slot s) {
    client_ports& ports = ports_of(client);
    --ports.reserved;
    ports.unavailable.erase(s);
}

void port_table::set_open(slot s) {
    if (open_.contains(s)) return;
    open_.insert(s);
    ++open_count_;
}

void port_table::exclude(slot s, time until) {
    if (excluded_.contains(s)) return;
    excluded_.insert(s);
    if (until != time::max()) exclusions_.push_back({s, until});
}

port_table::client_ports& port_table::ports_of(const ip_address& client) {
    if (ports_by_client_.size() >= sweep_at_) {
        std::erase_if(ports_by_client_, [](const auto& item) { return item.second.reserved == 0; });
        sweep_at_ = std::max(max_clients, 2 * ports_by_client_.size());
    }
    client_ports& ports = ports_by_client_[client];
    ports.unavailable.resize(slots_);
    return ports;
}

void port_table::expire_cooldowns(client_ports& ports, time now) {
    for (; !ports.cooldowns.empty() && ports.cooldowns.front().until <= now; ports.cooldowns.pop_front()) {
        ports.unavailable.erase(ports.cooldowns.front().number);
    }
}

void port_table::expire_exclusions(time now) {
    std::erase_if(exclusions_, [&](const timed_slot& e) {
        if (e.until > now) return false;
        excluded_.erase(e.number);
        return true;
    });
}

// Counts the free slots and picks one by its rank, so each is equally likely.
std::optional<port_table::slot> port_table::choose(const slot_set& share, const slot_set& candidates,
                                                   const client_ports& ports) const {
    const auto& mask = share.words();
    const auto free_in = [&](std::size_t w) {
        return mask[w] & candidates.words()[w] & ~ports.unavailable.words()[w] & ~excluded_.words()[w];
    };
    std::uint32_t count = 0;
    for (std::size_t w = 0; w < mask.size(); ++w) count += static_cast<std::uint32_t>(std::popcount(free_in(w)));
    if (count == 0) return std::nullopt;
    auto rank = random_below(count);
    for (std::size_t w = 0;; ++w) {
        auto bits = free_in(w);
        const auto in_word = static_cast<std::uint32_t>(std::popcount(bits));
        if (rank >= in_word) {
            rank -= in_word;
            continue;
        }
        for (; rank > 0; --rank) bits &= bits - 1;
        return static_cast<slot>(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
}

std::optional<port_table::slot> port_table::oldest_cooldown(const slot_set& share, client_ports& ports) const {
    const auto found = std::ranges::find_if(
        ports.cooldowns, [&](const timed_slot& r) { return share.contains(r.number) && !excluded_.contains(r.number); });
    if (found == ports.cooldowns.end()) return std::nullopt;
    const slot s = found->number;
    ports.cooldowns.erase(found);
    return s;
}

}  // namespace sallyport::reach
