#include <sallyport/proto/pending_replies.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::proto {

bool pending_replies::has(reply_kind kind) const noexcept {
    return std::ranges::find(entries_, kind, &pending_reply::kind) != entries_.end();
}

bool pending_replies::has(verb id) const noexcept {
    return std::ranges::find(entries_, id, &pending_reply::id) != entries_.end();
}

bool pending_replies::hold(const std::string& reply_text) {
    if (entries_.empty()) return false;
    entries_.push_back({reply_kind::local, verb::unknown, reply_text});
    return true;
}

std::optional<std::size_t> pending_replies::match(const reply& r, bool transfer_answered) const noexcept {
    if (entries_.empty()) return std::nullopt;
    const bool of_stat = r.code >= 211 && r.code <= 213;
    if (entries_.front().kind != reply_kind::transfer || (!transfer_answered && !of_stat)) return 0;
    for (std::size_t i = 1; i < entries_.size(); ++i) {
        const auto& entry = entries_[i];
        const bool passed_on = entry.kind == reply_kind::relayed && (!of_stat || entry.id == verb::stat);
        if (entry.kind == reply_kind::discarded || passed_on) return i;
    }
    return std::nullopt;
}

std::vector<std::string> pending_replies::remove(std::size_t index) {
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
    std::vector<std::string> due;
    while (!entries_.empty() && entries_.front().kind == reply_kind::local) due.push_back(remove_first().text);
    return due;
}

pending_reply pending_replies::remove_first() {
    auto first = std::move(entries_.front());
    entries_.pop_front();
    return first;
}

}  // namespace sallyport::proto
