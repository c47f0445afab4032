#include <sallyport/gate/failed_methods.hpp>

#include <chrono>

namespace sallyport::gate {
namespace {

// Long enough for a script that tries again, and short enough for a firewall that was corrected.
constexpr auto failure_lifetime = std::chrono::minutes(10);
constexpr std::size_t max_failures = 4096;

}  // namespace

std::optional<proto::data_method> failed_methods::find(const session_peers& of, net::deadline now) const {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(of);
    if (found == entries_.end() || found->second.ends <= now) return std::nullopt;
    return found->second.method;
}

void failed_methods::note(const session_peers& of, std::optional<proto::data_method> failed, net::deadline now) {
    if (!failed) return;
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(of);
    const bool known = found != entries_.end() && found->second.ends > now;
    if (known && found->second.method == *failed) return;
    if (found == entries_.end() && entries_.size() >= max_failures) {
        std::erase_if(entries_, [now](const auto& e) { return e.second.ends <= now; });
        if (entries_.size() >= max_failures) return;
    }
    entries_.insert_or_assign(of, entry{*failed, now + failure_lifetime});
}

}  // namespace sallyport::gate
