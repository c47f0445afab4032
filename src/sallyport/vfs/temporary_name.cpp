#include <sallyport/vfs/temporary_name.hpp>

#include <algorithm>
#include <cstdint>
#include <random>

#include <sys/random.h>

#include <fmt/format.h>

namespace sallyport::vfs {
namespace {

constexpr std::string_view prefix = ".sallyport-";
constexpr std::string_view suffix = ".part";
constexpr std::size_t digits = 16;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

bool is_temporary_name(std::string_view name) noexcept {
    return name.size() == prefix.size() + digits + suffix.size() && name.starts_with(prefix) && name.ends_with(suffix) &&
           std::ranges::all_of(name.substr(prefix.size(), digits), is_hex);
}

std::string make_temporary_name() {
    // Names must not be predictable, or another process could use them first. random_device uses the processor's generator,
    // which is slow in a virtual machine, so it is only the fallback.
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
        std::random_device random;
        number = (std::uint64_t{random()} << 32U) | random();
    }
    return fmt::format("{}{:016x}{}", prefix, number, suffix);
}

}  // namespace sallyport::vfs
