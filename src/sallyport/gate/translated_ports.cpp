#include <sallyport/gate/translated_ports.hpp>

#include <cstdint>

#include <fmt/format.h>

#include <sallyport/base/ports.hpp>
#include <sallyport/reach/random.hpp>

namespace sallyport::gate {
namespace {

constexpr std::uint32_t number_of_ports = 65536 - first_unprivileged_port;

}  // namespace

result<translated_ports::reservation> translated_ports::reserve(const ip_address& server, const ip_address& translated) {
    const auto first = reach::random_below(number_of_ports);
    const std::scoped_lock lock(state_->mutex);
    for (std::uint32_t i = 0; i < number_of_ports; ++i) {
        const auto port = static_cast<std::uint16_t>(first_unprivileged_port + (first + i) % number_of_ports);
        const key wanted{server, {translated, port}};
        if (state_->used.insert(wanted).second) return reservation(state_, wanted);
    }
    return fail(errc::exhausted,
                fmt::format("all ports of {} are in use for data connections of {}", translated.text(), server.text()));
}

translated_ports::reservation& translated_ports::reservation::operator=(reservation&& other) noexcept {
    if (this == &other) return *this;
    release();
    state_ = std::move(other.state_);
    key_ = other.key_;
    return *this;
}

void translated_ports::reservation::release() noexcept {
    const auto in = std::exchange(state_, nullptr);
    if (!in) return;
    const std::scoped_lock lock(in->mutex);
    in->used.erase(key_);
}

}  // namespace sallyport::gate
