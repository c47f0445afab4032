#include <sallyport/front/admission.hpp>

#include <algorithm>

#include <sallyport/base/limits.hpp>

namespace sallyport::front {

void admission::set_rules(const admission_rules& rules) {
    const std::lock_guard lock(mutex_);
    if (rules_.per_second != rules.per_second) pace_.reset();
    if (rules_.per_second_per_address != rules.per_second_per_address) paces_.clear();
    rules_ = rules;
}

std::vector<status::login_penalty> admission::login_penalties() {
    const std::lock_guard lock(mutex_);
    return penalties_.list(penalties::clock::now());
}

bool admission::forgive(const ip_address& from) {
    const std::lock_guard lock(mutex_);
    return penalties_.forgive(from, penalties::clock::now());
}

ticket::~ticket() {
    if (owner_) owner_->leave(from_);
}

void ticket::report(offence what) {
    const std::lock_guard lock(owner_->mutex_);
    if (owner_->rules_.penalties) owner_->penalties_.add(from_, what, penalties::clock::now());
}

std::string_view text_of(refusal why) noexcept {
    switch (why) {
        case refusal::full: return "Too many connections at the moment; try again later.";
        case refusal::full_for_address: return "Too many connections from your address; close one, or try again later.";
        case refusal::too_fast: return "Too many new connections at the moment; try again in a second.";
        case refusal::too_fast_for_address: return "Too many new connections from your address; try again in a second.";
        case refusal::penalised: return "Too many refused logins from your address; try again in some minutes.";
    }
    return {};
}

std::unexpected<refusal> admission::refuse(refusal why) {
    switch (why) {
        case refusal::full:
        case refusal::too_fast: status::count(counters_.turned_away_full); break;
        case refusal::full_for_address:
        case refusal::too_fast_for_address: status::count(counters_.turned_away_address); break;
        case refusal::penalised: status::count(counters_.turned_away_penalised); break;
    }
    return std::unexpected(why);
}

std::expected<ticket, refusal> admission::admit(const ip_address& from) {
    {
        const std::lock_guard lock(mutex_);
        if (rules_.penalties && penalties_.refuses(from, penalties::clock::now())) return refuse(refusal::penalised);
        const auto here = by_address_.find(from);
        if (rules_.most_per_address != 0 && here != by_address_.end() && here->second >= rules_.most_per_address)
            return refuse(refusal::full_for_address);
        if (counters_.sessions_open.load(std::memory_order_relaxed) >= rules_.most) return refuse(refusal::full);
        if (const auto why = too_fast(from, token_bucket::clock::now())) return refuse(*why);
        status::count(counters_.sessions_open);
        ++by_address_[from];
    }
    status::count(counters_.sessions_total);
    return ticket(shared_from_this(), from);
}

// The address first: who is too fast alone must not use up what all others have.
std::optional<refusal> admission::too_fast(const ip_address& from, token_bucket::clock::time_point now) {
    const auto pace = [](double per_second) { return token_bucket(per_second, std::max(1.0, per_second)); };
    if (const double rate = rules_.per_second_per_address; rate > 0) {
        if (paces_.size() >= limits::paced_addresses) {
            // A full bucket says no more than none at all. Where many are not, all are forgotten: a look at each for every
            // newcomer would be what a flood wants.
            std::erase_if(paces_, [&](const auto& p) { return p.second.full(now); });
            if (paces_.size() > limits::paced_addresses / 2) paces_.clear();
        }
        if (!paces_.try_emplace(from, pace(rate)).first->second.take_one(now)) return refusal::too_fast_for_address;
    }
    if (rules_.per_second > 0) {
        if (!pace_) pace_ = pace(rules_.per_second);
        if (!pace_->take_one(now)) return refusal::too_fast;
    }
    return std::nullopt;
}

void admission::leave(const ip_address& from) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = by_address_.find(from);
        if (--found->second == 0) by_address_.erase(found);
    }
    status::uncount(counters_.sessions_open);
}

}  // namespace sallyport::front
