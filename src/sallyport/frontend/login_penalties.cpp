#include <sallyport/frontend/login_penalties.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;

std::chrono::seconds duration_of(login_failure failure) noexcept {
    switch (failure) {
        case login_failure::refused: return 5s;
        case login_failure::timed_out: return 10s;
    }
    return 0s;
}

}  // namespace

void login_penalties::add(const ip_address& source, login_failure failure, clock::time_point now) {
    remove_expired(now);
    auto found = sources_.find(source);
    if (found == sources_.end()) {
        if (sources_.size() >= limits::max_penalized_sources) remove_shortest();
        found = sources_.emplace(source, penalty{ends_.emplace(now, source)}).first;
    }
    penalty& current = found->second;
    const auto until = std::min(current.end->first + duration_of(failure), now + limits::max_penalty);
    const auto end = ends_.emplace(until, source);
    ends_.erase(std::exchange(current.end, end));
    if (until - now >= limits::min_penalty) current.enforced = true;
}

bool login_penalties::rejects(const ip_address& source, clock::time_point now) {
    remove_expired(now);
    const auto found = sources_.find(source);
    return found != sources_.end() && found->second.enforced;
}

std::vector<status::login_penalty> login_penalties::list(clock::time_point now) {
    remove_expired(now);
    std::vector<status::login_penalty> out;
    for (auto it = ends_.rbegin(); it != ends_.rend(); ++it) {
        if (sources_.at(it->second).enforced)
            out.push_back({it->second, std::chrono::ceil<std::chrono::seconds>(it->first - now)});
    }
    return out;
}

bool login_penalties::forgive(const ip_address& source, clock::time_point now) {
    remove_expired(now);
    const auto found = sources_.find(source);
    if (found == sources_.end()) return false;
    ends_.erase(found->second.end);
    sources_.erase(found);
    return true;
}

void login_penalties::remove_expired(clock::time_point now) {
    while (!ends_.empty() && ends_.begin()->first <= now) remove_shortest();
}

// In a flood of sources, short penalties are removed and long ones stay in force.
void login_penalties::remove_shortest() {
    sources_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
}

}  // namespace sallyport::frontend
