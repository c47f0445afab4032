#include <sallyport/reach/port_table.hpp>
#include <sallyport/reach/random.hpp>

#include <algorithm>
#include <bit>

namespace sallyport::reach {

port_table::port_table(std::size_t slots, std::size_t shares, std::chrono::seconds rest, std::size_t most_open)
    : rest_(rest), shares_(shares), most_open_(most_open) {
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

std::optional<port_table::slot> port_table::take(const ip_address& client, std::size_t share, time now) {
    end_exclusions(now);
    book& b = book_of(client);
    end_rests(b, now);
    const slot_set& among = open_count_ < most_open_ ? all_ : open_;
    auto found = choose(shares_[share % shares_.size()], among, b);
    if (!found) found = choose(all_, among, b);
    if (!found) found = longest_resting(shares_[share % shares_.size()], b);
    if (!found) found = longest_resting(all_, b);
    if (!found) found = choose(all_, all_, b);
    if (!found) return std::nullopt;
    b.unavailable.insert(*found);
    ++b.promised;
    return found;
}

void port_table::give_back(const ip_address& client, slot s, time now) {
    book& b = book_of(client);
    --b.promised;
    b.rests.push_back({s, now + rest_});
}

void port_table::undo(const ip_address& client, slot s) {
    book& b = book_of(client);
    --b.promised;
    b.unavailable.erase(s);
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

port_table::book& port_table::book_of(const ip_address& client) {
    if (books_.size() >= sweep_at_) {
        std::erase_if(books_, [](const auto& item) { return item.second.promised == 0; });
        sweep_at_ = std::max(most_clients, 2 * books_.size());
    }
    book& b = books_[client];
    b.unavailable.resize(slots_);
    return b;
}

void port_table::end_rests(book& b, time now) {
    for (; !b.rests.empty() && b.rests.front().until <= now; b.rests.pop_front()) {
        b.unavailable.erase(b.rests.front().which);
    }
}

void port_table::end_exclusions(time now) {
    std::erase_if(exclusions_, [&](const resting& e) {
        if (e.until > now) return false;
        excluded_.erase(e.which);
        return true;
    });
}

// The free ones are counted and one of them is picked by its rank, so each is equally likely however few they are.
std::optional<port_table::slot> port_table::choose(const slot_set& share, const slot_set& among, const book& b) const {
    const auto& mask = share.words();
    const auto free_in = [&](std::size_t w) {
        return mask[w] & among.words()[w] & ~b.unavailable.words()[w] & ~excluded_.words()[w];
    };
    std::uint32_t count = 0;
    for (std::size_t w = 0; w < mask.size(); ++w) count += static_cast<std::uint32_t>(std::popcount(free_in(w)));
    if (count == 0) return std::nullopt;
    auto rank = random_below(count);
    for (std::size_t w = 0;; ++w) {
        auto bits = free_in(w);
        const auto here = static_cast<std::uint32_t>(std::popcount(bits));
        if (rank >= here) {
            rank -= here;
            continue;
        }
        for (; rank > 0; --rank) bits &= bits - 1;
        return static_cast<slot>(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
}

std::optional<port_table::slot> port_table::longest_resting(const slot_set& share, book& b) const {
    const auto found = std::ranges::find_if(
        b.rests, [&](const resting& r) { return share.contains(r.which) && !excluded_.contains(r.which); });
    if (found == b.rests.end()) return std::nullopt;
    const slot s = found->which;
    b.rests.erase(found);
    return s;
}

}  // namespace sallyport::reach
