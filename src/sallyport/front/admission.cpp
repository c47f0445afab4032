#include <sallyport/front/admission.hpp>

namespace sallyport::front {

void admission::set_rules(const admission_rules& rules) {
    const std::lock_guard lock(mutex_);
    rules_ = rules;
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
        case refusal::penalised: return "Too many refused logins from your address; try again in some minutes.";
    }
    return {};
}

std::unexpected<refusal> admission::refuse(refusal why) {
    switch (why) {
        case refusal::full: status::count(counters_.turned_away_full); break;
        case refusal::full_for_address: status::count(counters_.turned_away_address); break;
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
        status::count(counters_.sessions_open);
        ++by_address_[from];
    }
    status::count(counters_.sessions_total);
    return ticket(shared_from_this(), from);
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
