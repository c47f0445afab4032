#include <sallyport/gate/queue_limit.hpp>

#include <algorithm>
#include <array>

#include <sallyport/base/limits.hpp>

namespace sallyport::gate {
namespace {

constexpr std::array<std::chrono::milliseconds, 3> pauses{std::chrono::milliseconds(100), std::chrono::milliseconds(300),
                                                          std::chrono::milliseconds(600)};

}  // namespace

std::optional<net::deadline> queue_limit::wait_for_slot(const sessions_without_user::slot_request& silent,
                                                        net::deadline now) noexcept {
    if (silent.requested) until_ = std::max(until_, silent.next_attempt);
    if (is_over(now)) return std::nullopt;
    return std::min({until_, silent.next_attempt, now + limits::queue_check_interval});
}

std::optional<net::deadline> queue_limit::wait_for_silent(const sessions_without_user::slot_request& silent) const noexcept {
    if (silent.next_attempt > until_) return std::nullopt;
    return silent.next_attempt;
}

std::optional<net::clock::duration> queue_limit::next_pause() noexcept {
    if (pauses_ == pauses.size()) return std::nullopt;
    return pauses.at(pauses_++);
}

}  // namespace sallyport::gate
