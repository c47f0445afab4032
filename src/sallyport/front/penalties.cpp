#include <sallyport/front/penalties.hpp>

#include <algorithm>
#include <functional>
#include <string_view>

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

std::size_t penalties::hash::operator()(const source& s) const noexcept {
    const std::string_view bytes(reinterpret_cast<const char*>(s.prefix.data()), s.prefix.size());
    return std::hash<std::string_view>()(bytes) ^ (s.v4 ? 1U : 0U);
}

penalties::source penalties::source_of(const ip_address& address) noexcept {
    source out{{}, address.is_v4()};
    std::ranges::copy_n(address.bytes().begin(), address.is_v4() ? 4 : 8, out.prefix.begin());
    return out;
}

void penalties::add(const ip_address& from, offence what, clock::time_point now) {
    if (from.is_loopback()) return;
    forget_what_is_over(now);
    const source who = source_of(from);
    auto found = sources_.find(who);
    if (found == sources_.end()) {
        if (sources_.size() >= limits::penalised_sources) forget_the_shortest();
        found = sources_.emplace(who, debt{ends_.emplace(now, who)}).first;
    }
    debt& owed = found->second;
    const auto until = std::min(owed.end->first + price(what), now + limits::penalty_most);
    ends_.erase(owed.end);
    owed.end = ends_.emplace(until, who);
    if (until - now >= limits::penalty_least) owed.enforced = true;
}

bool penalties::refuses(const ip_address& from, clock::time_point now) {
    forget_what_is_over(now);
    const auto found = sources_.find(source_of(from));
    return found != sources_.end() && found->second.enforced;
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
