#include <sallyport/firewall/source_ports.hpp>

#include <functional>
#include <random>

namespace sallyport::firewall {
namespace {

constexpr unsigned all = source_ports::last - source_ports::first + 1;

}  // namespace

source_ports::source_ports() : offset_(static_cast<std::uint16_t>(std::random_device()() % all)) {}

std::uint16_t source_ports::next(const endpoint& to) {
    const auto place = (std::hash<ip_address>()(to.address) * 31 + to.port) % asked_.size();
    auto& asked = asked_.at(place);
    asked = static_cast<std::uint16_t>((asked + 1U) % all);
    return static_cast<std::uint16_t>(first + (offset_ + asked) % all);
}

}  // namespace sallyport::firewall
