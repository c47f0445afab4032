#include <sallyport/frontend/account_guesses.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {
namespace {

// Longer names share their guesses.
[[nodiscard]] std::string_view key_of(std::string_view account) noexcept {
    return account.substr(0, limits::account_key_size);
}

}  // namespace

void account_guesses::set_limit(unsigned per_minute) noexcept {
    const unsigned at_once = std::max(1U, per_minute / 6);
    interval_ =
        per_minute == 0 ? clock::duration() : clock::duration(std::chrono::minutes(1)) / std::max(1U, per_minute - at_once);
    all_ = interval_ * at_once;
}

account_guesses::verdict account_guesses::ask(std::string_view account, clock::time_point now) {
    if (all_ == clock::duration::zero()) return verdict::unlimited;
    remove_expired(now);
    entry* const found = find(account);
    if (found == nullptr) return verdict::unlimited;
    const auto end = found->end->first + interval_;
    if (end - now > all_) return verdict::refused;
    move_end(*found, end);
    return verdict::reserved;
}

void account_guesses::failed(std::string_view account, bool reserved, clock::time_point now) {
    if (all_ == clock::duration::zero()) return;
    remove_expired(now);
    entry* found = find(account);
    if (found != nullptr && reserved) return;
    if (found == nullptr) {
        if (accounts_.size() >= limits::max_guessed_accounts) remove_first();
        const std::string key(key_of(account));
        found = &accounts_.emplace(key, entry{ends_.emplace(now, key)}).first->second;
    }
    // More than all guesses, if many failed at the same time: the rate holds in the long run.
    move_end(*found, std::min(found->end->first + interval_, now + limits::max_penalty));
}

void account_guesses::succeeded(std::string_view account) {
    if (entry* const found = find(account)) move_end(*found, found->end->first - interval_);
}

bool account_guesses::is_first_refusal(std::string_view account) {
    entry* const found = find(account);
    return found != nullptr && !std::exchange(found->refusal_noted, true);
}

void account_guesses::move_end(entry& of, clock::time_point to) {
    const auto end = ends_.emplace(to, of.end->second);
    ends_.erase(std::exchange(of.end, end));
}

// In a flood of names, those with the most guesses are removed, and the limits of others stay in force.
void account_guesses::remove_first() {
    accounts_.erase(accounts_.find(ends_.begin()->second));
    ends_.erase(ends_.begin());
}

void account_guesses::remove_expired(clock::time_point now) {
    while (!ends_.empty() && ends_.begin()->first <= now) remove_first();
}

account_guesses::entry* account_guesses::find(std::string_view account) {
    const auto found = accounts_.find(key_of(account));
    return found == accounts_.end() ? nullptr : &found->second;
}

}  // namespace sallyport::frontend
