#include <sallyport/front/penalties.hpp>

#include <algorithm>

#include <sallyport/base/limits.hpp>

namespace sallyport::front {
namespace {

using namespace std::chrono_literals;

std::chrono::seconds price(offence what) noexcept {
    switch (what) {
        case offence::login_refused: return 5s;
        case offence::login_timed_out: return 10s;
    }
    return 0s;
}

}  // namespace

void penalties::add(const ip_address& source, offence what, clock::time_point now) {
    forget_what_is_over(now);
    auto found = sources_.find(source);
    if (found == sources_.end()) {
        if (sources_.size() >= limits::penalised_sources) forget_the_shortest();
        found = sources_.emplace(source, debt{ends_.emplace(now, source)}).first;
    }
    debt& owed = found->second;
    const auto until = std::min(owed.end->first + price(what), now + limits::penalty_most);
    ends_.erase(owed.end);
    owed.end = ends_.emplace(until, source);
    if (until - now >= limits::penalty_least) owed.enforced = true;
}

bool penalties::refuses(const ip_address& source, clock::time_point now) {
    forget_what_is_over(now);
    const auto found = sources_.find(source);
    return found != sources_.end() && found->second.enforced;
}

std::vector<status::login_penalty> penalties::list(clock::time_point now) {
    forget_what_is_over(now);
    std::vector<status::login_penalty> out;
    for (auto it = ends_.rbegin(); it != ends_.rend(); ++it) {
        if (sources_.at(it->second).enforced)
            out.push_back({it->second, std::chrono::ceil<std::chrono::seconds>(it->first - now)});
    }
    return out;
}

bool penalties::forgive(const ip_address& source, clock::time_point now) {
    forget_what_is_over(now);
    const auto found = sources_.find(source);
    if (found == sources_.end()) return false;
    ends_.erase(found->second.end);
    sources_.erase(found);
    return true;
}

void penalties::forget_what_is_over(clock::time_point now) {
    while (!ends_.empty() && ends_.begin()->first <= now) forget_the_shortest();
}

// In a flood of sources the new and small debts go; a real ban is held.
void penalties::forget_the_shortest() {
    sources_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
}

}  // namespace sallyport::front
