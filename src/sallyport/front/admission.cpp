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
    return penalties_.forgive(from.client_network(), penalties::clock::now());
}

ticket::~ticket() {
    if (owner_) owner_->leave(source_);
}

void ticket::report(offence what) {
    if (!punishable_ || !source_) return;
    const std::lock_guard lock(owner_->mutex_);
    if (owner_->rules_.penalties) owner_->penalties_.add(*source_, what, penalties::clock::now());
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

std::size_t admission::bound(std::size_t most) {
    const std::lock_guard lock(mutex_);
    bound_ = most;
    return rules_.most;
}

refusal admission::turn_away_unseen() { return refuse(refusal::full).error(); }

std::expected<ticket, refusal> admission::admit(const visitor& who) {
    std::optional<ip_address> source;
    if (who.is != visitor::kind::balancer) source = who.address.client_network();
    const bool punishable = who.is == visitor::kind::reported || !who.address.is_loopback();
    {
        const std::lock_guard lock(mutex_);
        const auto now = token_bucket::clock::now();
        if (source && punishable && rules_.penalties && penalties_.refuses(*source, now)) return refuse(refusal::penalised);
        const auto here = source ? by_source_.find(*source) : by_source_.end();
        if (rules_.most_per_address != 0 && here != by_source_.end() && here->second >= rules_.most_per_address)
            return refuse(refusal::full_for_address);
        if (counters_.sessions_open.load(std::memory_order_relaxed) >= std::min(rules_.most, bound_))
            return refuse(refusal::full);
        if (source) {
            if (const auto why = too_fast(*source, now)) return refuse(*why);
            ++by_source_[*source];
        }
        status::count(counters_.sessions_open);
    }
    status::count(counters_.sessions_total);
    return ticket(shared_from_this(), source, punishable);
}

// The address first: who is too fast alone must not use up what all others have.
std::optional<refusal> admission::too_fast(const ip_address& source, token_bucket::clock::time_point now) {
    const auto pace = [](double per_second) { return token_bucket(per_second, std::max(1.0, per_second)); };
    if (const double rate = rules_.per_second_per_address; rate > 0) {
        if (paces_.size() >= limits::paced_addresses) {
            // A full bucket says no more than none at all. Where many are not, all are forgotten: a look at each for every
            // newcomer would be what a flood wants.
            std::erase_if(paces_, [&](const auto& p) { return p.second.full(now); });
            if (paces_.size() > limits::paced_addresses / 2) paces_.clear();
        }
        if (!paces_.try_emplace(source, pace(rate)).first->second.take_one(now)) return refusal::too_fast_for_address;
    }
    if (rules_.per_second > 0) {
        if (!pace_) pace_ = pace(rules_.per_second);
        if (!pace_->take_one(now)) return refusal::too_fast;
    }
    return std::nullopt;
}

void admission::leave(const std::optional<ip_address>& source) {
    if (source) {
        const std::lock_guard lock(mutex_);
        const auto found = by_source_.find(*source);
        if (--found->second == 0) by_source_.erase(found);
    }
    status::uncount(counters_.sessions_open);
}

}  // namespace sallyport::front
