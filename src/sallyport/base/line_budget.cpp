#include <sallyport/base/line_budget.hpp>

#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport {
namespace {

[[nodiscard]] token_bucket new_bucket() { return {limits::log_lines_per_second, limits::log_line_burst}; }

}  // namespace

std::optional<std::uint64_t> line_budget::take(const ip_address& source, clock::time_point now) {
    account& found_account = account_of(source.client_network(), now);
    if (!found_account.lines.take_one(now)) {
        ++found_account.suppressed;
        return std::nullopt;
    }
    return std::exchange(found_account.suppressed, 0);
}

// A source whose bucket is full and that has no suppressed lines can be removed. If there are still too many sources, as in
// a flood from a whole network, new ones share one account, without a search for each of them.
line_budget::account& line_budget::account_of(const ip_address& source, clock::time_point now) {
    if (const auto found = sources_.find(source); found != sources_.end()) return found->second;
    if (sources_.size() >= limits::max_log_sources && now >= next_sweep_) {
        std::erase_if(sources_, [&](const auto& s) { return s.second.suppressed == 0 && s.second.lines.full(now); });
        next_sweep_ = now + std::chrono::seconds(1);
    }
    if (sources_.size() < limits::max_log_sources) return sources_.try_emplace(source, account{new_bucket()}).first->second;
    if (!others_) others_.emplace(account{new_bucket()});
    return *others_;
}

}  // namespace sallyport
