#include <sallyport/frontend/login_pool.hpp>

#include <algorithm>

#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {

bool rejects(const login_pool& pool, std::size_t max, std::size_t own, double random) noexcept {
    if (pool.used >= max) return true;
    const std::size_t first = std::max(max / 2, limits::min_early_rejection);
    if (pool.used < first) return false;
    // Where the rejection of addresses with an average number of sessions is certain.
    const std::size_t last = std::max(max - max / 8, first + 1);
    const double progress = static_cast<double>(pool.used - first) / static_cast<double>(last - first);
    const double part = std::min(1.0, limits::early_rejection + (1 - limits::early_rejection) * progress);
    // Both include the new session.
    const std::size_t addresses = pool.addresses + (own == 0 ? 1 : 0);
    const double average = static_cast<double>(pool.counted + 1) / static_cast<double>(addresses);
    return random < part * std::min(1.0, static_cast<double>(own + 1) / average);
}

}  // namespace sallyport::frontend
