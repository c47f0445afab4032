#include <sallyport/net/descriptor_usage.hpp>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <system_error>

#include <sys/resource.h>

namespace sallyport::net {

std::size_t descriptor_limit() noexcept {
    rlimit limit{};
    // Descriptors are of type int.
    constexpr std::size_t none = std::numeric_limits<int>::max();
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > none) return none;
    return limit.rlim_cur;
}

descriptor_usage descriptor_usage::of_process() {
    std::error_code wrong;
    const std::filesystem::directory_iterator all("/proc/self/fd", wrong);
    const auto open = wrong ? 0 : std::distance(begin(all), end(all));
    return {descriptor_limit(), static_cast<std::size_t>(open)};
}

}  // namespace sallyport::net
