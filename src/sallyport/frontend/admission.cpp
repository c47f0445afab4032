#include <sallyport/frontend/admission.hpp>

#include <algorithm>

#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {

void admission::set_rules(const admission_rules& rules) {
    const std::lock_guard lock(mutex_);
    if (rules_.max_session_rate != rules.max_session_rate) bucket_.reset();
    if (rules_.max_session_rate_per_address != rules.max_session_rate_per_address) buckets_by_source_.clear();
    rules_ = rules;
}

std::vector<status::login_penalty> admission::list_login_penalties() {
    const std::lock_guard lock(mutex_);
    return login_penalties_.list(login_penalties::clock::now());
}

bool admission::forgive(const ip_address& address) {
    const std::lock_guard lock(mutex_);
    return login_penalties_.forgive(address.client_network(), login_penalties::clock::now());
}

admission_slot::~admission_slot() {
    if (owner_) owner_->release(source_);
}

void admission_slot::report(login_failure failure) {
    if (!penalizable_ || !source_) return;
    const std::lock_guard lock(owner_->mutex_);
    if (owner_->rules_.login_penalties) owner_->login_penalties_.add(*source_, failure, login_penalties::clock::now());
}

bool admission_slot::rejects_login() {
    if (!penalizable_ || !source_) return false;
    const std::lock_guard lock(owner_->mutex_);
    if (!owner_->rules_.login_penalties || !owner_->login_penalties_.rejects(*source_, login_penalties::clock::now()))
        return false;
    (void)owner_->reject(rejection::login_penalty);
    return true;
}

void admission_slot::report_login() {
    if (!source_) return;
    const std::lock_guard lock(owner_->mutex_);
    owner_->recent_logins_.add(*source_, recent_logins::clock::now());
}

bool admission_slot::has_recent_login() const {
    if (!source_) return false;
    const std::lock_guard lock(owner_->mutex_);
    return owner_->recent_logins_.contains(*source_, recent_logins::clock::now());
}

std::string_view text_of(rejection reason) noexcept {
    switch (reason) {
        case rejection::max_sessions: return "Too many connections; try again later.";
        case rejection::max_sessions_per_address:
            return "Too many connections from your address; close one, or try again later.";
        case rejection::max_session_rate: return "Too many new connections; try again in a second.";
        case rejection::max_session_rate_per_address:
            return "Too many new connections from your address; try again in a second.";
        case rejection::login_penalty: return "Too many failed logins from your address; try again in a few minutes.";
    }
    return {};
}

std::unexpected<rejection> admission::reject(rejection reason) {
    switch (reason) {
        case rejection::max_sessions:
        case rejection::max_session_rate: status::count(counters_.rejected_max_sessions); break;
        case rejection::max_sessions_per_address:
        case rejection::max_session_rate_per_address: status::count(counters_.rejected_max_sessions_per_address); break;
        case rejection::login_penalty: status::count(counters_.rejected_login_penalty); break;
    }
    return std::unexpected(reason);
}

std::size_t admission::cap_sessions(std::size_t max_sessions) {
    const std::lock_guard lock(mutex_);
    session_cap_ = max_sessions;
    return rules_.max_sessions;
}

rejection admission::reject_without_descriptors() { return reject(rejection::max_sessions).error(); }

std::expected<admission_slot, rejection> admission::admit(const connection_source& from) {
    std::optional<ip_address> source;
    if (from.type != connection_source::kind::load_balancer) source = from.address.client_network();
    const bool penalizable = from.type == connection_source::kind::proxied || !from.address.is_loopback();
    {
        const std::lock_guard lock(mutex_);
        const auto now = token_bucket::clock::now();
        if (source && penalizable && rules_.login_penalties && login_penalties_.rejects(*source, now))
            return reject(rejection::login_penalty);
        const auto counted = source ? sessions_by_source_.find(*source) : sessions_by_source_.end();
        if (rules_.max_sessions_per_address != 0 && counted != sessions_by_source_.end() &&
            counted->second >= rules_.max_sessions_per_address)
            return reject(rejection::max_sessions_per_address);
        if (counters_.sessions_open.load(std::memory_order_relaxed) >= std::min(rules_.max_sessions, session_cap_))
            return reject(rejection::max_sessions);
        if (source) {
            if (const auto reason = check_rates(*source, now)) return reject(*reason);
            ++sessions_by_source_[*source];
        }
        status::count(counters_.sessions_open);
    }
    status::count(counters_.sessions_total);
    return admission_slot(shared_from_this(), source, penalizable);
}

// The rate per address is checked first, so that one address over its own rate does not use up the rate of all others.
std::optional<rejection> admission::check_rates(const ip_address& source, token_bucket::clock::time_point now) {
    const auto make_bucket = [](double rate) { return token_bucket(rate, std::max(1.0, rate)); };
    if (const double rate = rules_.max_session_rate_per_address; rate > 0) {
        if (buckets_by_source_.size() >= limits::max_rate_limited_addresses) {
            // A full bucket is equivalent to no bucket. If more than half of the buckets are not full, all are removed:
            // checking each of them for every new connection would be too expensive in a flood.
            std::erase_if(buckets_by_source_, [&](const auto& p) { return p.second.full(now); });
            if (buckets_by_source_.size() > limits::max_rate_limited_addresses / 2) buckets_by_source_.clear();
        }
        if (!buckets_by_source_.try_emplace(source, make_bucket(rate)).first->second.take_one(now))
            return rejection::max_session_rate_per_address;
    }
    if (rules_.max_session_rate > 0) {
        if (!bucket_) bucket_ = make_bucket(rules_.max_session_rate);
        if (!bucket_->take_one(now)) return rejection::max_session_rate;
    }
    return std::nullopt;
}

void admission::release(const std::optional<ip_address>& source) {
    if (source) {
        const std::lock_guard lock(mutex_);
        const auto found = sessions_by_source_.find(*source);
        if (--found->second == 0) sessions_by_source_.erase(found);
    }
    status::uncount(counters_.sessions_open);
}

}  // namespace sallyport::frontend
