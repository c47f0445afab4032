#include <sallyport/frontend/admission.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/reach/random.hpp>

namespace sallyport::frontend {

void admission::set_rules(const admission_rules& rules) {
    const std::lock_guard lock(mutex_);
    if (rules_.max_session_rate != rules.max_session_rate) bucket_.reset();
    if (rules_.max_session_rate_per_address != rules.max_session_rate_per_address) buckets_by_source_.clear();
    account_guesses_.set_limit(rules.max_account_guesses);
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

void admission::penalize(const ip_address& address) {
    const std::lock_guard lock(mutex_);
    if (rules_.login_penalties)
        login_penalties_.add(address.client_network(), login_failure::refused, login_penalties::clock::now());
}

bool admission::is_penalized(const ip_address& address) {
    const std::lock_guard lock(mutex_);
    return rules_.login_penalties && login_penalties_.rejects(address.client_network(), login_penalties::clock::now());
}

admission_slot::~admission_slot() {
    if (owner_) owner_->release(*this);
}

void admission_slot::report(login_failure failure) {
    if (!penalizable_ || !source_) return;
    const std::lock_guard lock(owner_->mutex_);
    const auto now = login_penalties::clock::now();
    if (owner_->rules_.login_penalties) owner_->login_penalties_.add(*source_, failure, now);
    if (failure == login_failure::refused && !account_.empty() && !owner_->is_known(*source_))
        owner_->account_guesses_.failed(account_, std::exchange(guess_reserved_, false), now);
}

std::optional<rejection> admission_slot::rejects_login(std::string_view account) {
    if (!penalizable_ || !source_) return std::nullopt;
    const std::lock_guard lock(owner_->mutex_);
    if (owner_->rules_.login_penalties && owner_->login_penalties_.rejects(*source_, login_penalties::clock::now()))
        return owner_->reject(rejection::login_penalty).error();
    return owner_->check_account(*this, account);
}

void admission_slot::leave_login_pool() {
    if (!before_login_) return;
    const std::lock_guard lock(owner_->mutex_);
    owner_->leave_login_pool(*this);
    before_login_ = false;
}

void admission_slot::report_login() {
    if (!source_) return;
    const std::lock_guard lock(owner_->mutex_);
    owner_->recent_logins_.add(*source_, recent_logins::clock::now());
    owner_->give_back_guess(*this);
}

void admission_slot::report_unchecked() {
    const std::lock_guard lock(owner_->mutex_);
    owner_->give_back_guess(*this);
}

bool admission_slot::has_recent_login() const {
    if (!source_) return false;
    const std::lock_guard lock(owner_->mutex_);
    return owner_->is_known(*source_);
}

std::string_view text_of(rejection reason) noexcept {
    switch (reason) {
        case rejection::max_sessions:
        case rejection::max_sessions_before_login: return "Too many connections; try again later.";
        case rejection::max_sessions_per_address:
        case rejection::max_sessions_per_address_before_login:
            return "Too many connections from your address; close one, or try again later.";
        case rejection::max_session_rate: return "Too many new connections; try again in a second.";
        case rejection::max_session_rate_per_address:
            return "Too many new connections from your address; try again in a second.";
        case rejection::login_penalty: return "Too many failed logins from your address; try again in a few minutes.";
        case rejection::account_guesses: return "Too many failed logins with this user name; try again in a minute.";
    }
    return {};
}

std::unexpected<rejection> admission::reject(rejection reason) {
    switch (reason) {
        case rejection::max_sessions:
        case rejection::max_session_rate: status::count(counters_.rejected_max_sessions); break;
        case rejection::max_sessions_before_login: status::count(counters_.rejected_max_sessions_before_login); break;
        case rejection::max_sessions_per_address:
        case rejection::max_sessions_per_address_before_login:
        case rejection::max_session_rate_per_address: status::count(counters_.rejected_max_sessions_per_address); break;
        case rejection::login_penalty:
        case rejection::account_guesses: status::count(counters_.rejected_login_penalty); break;
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
    const bool penalizable = source && (from.type == connection_source::kind::proxied || !from.address.is_loopback());
    {
        const std::lock_guard lock(mutex_);
        const auto now = token_bucket::clock::now();
        if (penalizable && rules_.login_penalties && login_penalties_.rejects(*source, now))
            return reject(rejection::login_penalty);
        const session_limits max = limits_for(penalizable);
        if (const auto reason = check_sessions(max, source, penalizable)) {
            if (source) log_limit(*reason, *source, max);
            return reject(*reason);
        }
        if (source) {
            if (const auto reason = check_rates(*source, now)) return reject(*reason);
            session_counts& own = sessions_by_source_[*source];
            ++own.all;
            ++own.before_login;
            if (penalizable) {
                ++before_login_.counted;
                if (own.before_login == 1) ++before_login_.addresses;
            }
        }
        ++before_login_.used;
        status::count(counters_.sessions_open);
    }
    status::count(counters_.sessions_total);
    return admission_slot(shared_from_this(), source, penalizable);
}

admission::session_limits admission::limits_for(bool penalizable) const noexcept {
    const auto half = [](std::size_t of) { return of - of / 2; };
    session_limits out{.all = std::min(rules_.max_sessions, session_cap_),
                       .before_login = rules_.max_sessions_before_login,
                       .per_address = rules_.max_sessions_per_address.value_or(0),
                       .per_address_before_login = SIZE_MAX};
    if (out.before_login == 0) out.before_login = std::max(out.all / limits::login_pool_divisor, limits::min_login_pool);
    out.before_login = std::min(out.before_login, out.all);
    const bool has_share = penalizable && rules_.max_sessions_per_address != std::size_t{0};
    if (has_share) out.per_address_before_login = half(out.before_login);
    if (has_share && out.per_address == 0) out.per_address = half(out.all);
    if (out.per_address == 0) out.per_address = SIZE_MAX;
    return out;
}

std::optional<rejection> admission::check_sessions(const session_limits& max, const std::optional<ip_address>& source,
                                                   bool penalizable) const {
    session_counts own;
    if (source)
        if (const auto found = sessions_by_source_.find(*source); found != sessions_by_source_.end()) own = found->second;
    if (own.all >= max.per_address) return rejection::max_sessions_per_address;
    if (counters_.sessions_open.load(std::memory_order_relaxed) >= max.all) return rejection::max_sessions;
    if (own.before_login >= max.per_address_before_login) return rejection::max_sessions_per_address_before_login;
    // Only a full pool rejects other sources than clients.
    constexpr std::uint32_t steps = 1U << 24U;
    const double random = penalizable ? static_cast<double>(reach::random_below(steps)) / steps : 1;
    if (rejects(before_login_, max.before_login, own.before_login, random)) return rejection::max_sessions_before_login;
    return std::nullopt;
}

void admission::log_limit(rejection reason, const ip_address& source, const session_limits& max) {
    const bool before_login = reason == rejection::max_sessions_per_address_before_login;
    if (!before_login && reason != rejection::max_sessions_per_address) return;
    if (!limit_notices_.note(source, limit_notices::clock::now())) return;
    log::warning({}, fmt::format("{} has reached the maximum of {} sessions for one address{}; its further connections get "
                                 "421 (this is logged once an hour for each address)",
                                 source.is_v4() || source.is_link_local() ? source.text() : source.text() + "/64",
                                 before_login ? max.per_address_before_login : max.per_address,
                                 before_login ? " before the login, half of --max-sessions-before-login"
                                              : ", see --max-sessions-per-address"));
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

/// Reserves a guess for the session, once for each account that it logs in to. Anonymous names are everyone's: there is no
/// password to guess, and a limit would lock out all their users.
std::optional<rejection> admission::check_account(admission_slot& slot, std::string_view account) {
    if (proto::is_anonymous_name(account)) account = {};
    if (slot.account_ != account) {
        give_back_guess(slot);
        slot.account_ = account;
    }
    if (rules_.max_account_guesses == 0 || account.empty() || slot.guess_reserved_) return std::nullopt;
    if (is_known(*slot.source_)) return std::nullopt;
    const auto asked = account_guesses_.ask(account, account_guesses::clock::now());
    slot.guess_reserved_ = asked == account_guesses::verdict::reserved;
    if (asked != account_guesses::verdict::refused) return std::nullopt;
    if (account_guesses_.is_first_refusal(account))
        log::warning({}, fmt::format("Too many wrong passwords for {}; until that ends, most logins with this name get 421, "
                                     "except from addresses with a login in the last hour",
                                     escape(account, 100)));
    return reject(rejection::account_guesses).error();
}

void admission::give_back_guess(admission_slot& slot) {
    if (std::exchange(slot.guess_reserved_, false)) account_guesses_.succeeded(slot.account_);
}

void admission::leave_login_pool(const admission_slot& slot) {
    --before_login_.used;
    if (!slot.source_) return;
    session_counts& own = sessions_by_source_.at(*slot.source_);
    --own.before_login;
    if (!slot.penalizable_) return;
    --before_login_.counted;
    if (own.before_login == 0) --before_login_.addresses;
}

void admission::release(admission_slot& slot) {
    {
        const std::lock_guard lock(mutex_);
        give_back_guess(slot);
        if (slot.before_login_) leave_login_pool(slot);
        if (slot.source_) {
            const auto found = sessions_by_source_.find(*slot.source_);
            if (--found->second.all == 0) sessions_by_source_.erase(found);
        }
    }
    status::uncount(counters_.sessions_open);
}

}  // namespace sallyport::frontend
