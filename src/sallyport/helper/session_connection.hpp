#pragma once
// A control connection as the kernel knows it, from the descriptor that the daemon sends.
//
// A value, and functions of the helper; any thread.

#include <optional>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/firewall/conntrack.hpp>

namespace sallyport::helper {

struct session_connection {
    endpoint local;
    endpoint peer;

    /// Nothing if the descriptor is no established TCP connection.
    [[nodiscard]] static std::optional<session_connection> of(int descriptor) noexcept;
};

/// The source address of this connection as its peer sees it: its own, or what NAT on this machine has made of it.
/// `tracking` is opened when it is used first.
[[nodiscard]] result<ip_address> translated_address(int descriptor, std::optional<firewall::conntrack>& tracking);

}  // namespace sallyport::helper
