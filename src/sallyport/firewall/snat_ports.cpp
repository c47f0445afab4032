#include <sallyport/firewall/snat_ports.hpp>

#include <functional>
#include <random>

namespace sallyport::firewall {
namespace {

constexpr unsigned port_count = snat_ports::last - snat_ports::first + 1;

}  // namespace

snat_ports::snat_ports() : offset_(static_cast<std::uint16_t>(std::random_device()() % port_count)) {}

std::uint16_t snat_ports::next(const endpoint& to) {
    const auto bucket = (std::hash<ip_address>()(to.address) * 31 + to.port) % counts_.size();
    auto& count = counts_.at(bucket);
    count = static_cast<std::uint16_t>((count + 1U) % port_count);
    return static_cast<std::uint16_t>(first + (offset_ + count) % port_count);
}

}  // namespace sallyport::firewall
