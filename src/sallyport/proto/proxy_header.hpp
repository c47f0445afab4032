#pragma once
// The PROXY protocol's header, versions 1 (a line of text) and 2 (binary): what a balancer says, before the first byte of
// a connection it passes on, about who connected to it and where. Its bytes in both directions; whom to believe is the
// caller's policy.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::proto {

enum class proxy_version : std::uint8_t { v1, v2 };

struct proxy_header {
    /// False: the balancer speaks for nobody (LOCAL, as its health checks do), or does not say for whom (UNKNOWN, a family
    /// other than TCP over IP). The connection's own addresses are then the ones to use, and the two below mean nothing.
    bool proxied = false;
    endpoint source;       // of the client
    endpoint destination;  // that the client reached

    friend bool operator==(const proxy_header&, const proxy_header&) = default;
};

struct parsed_proxy_header {
    enum class state : std::uint8_t { need_more, done, bad };
    state status = state::need_more;
    /// need_more: the header has at least so many bytes more, so reading no more than that never takes what is behind it.
    /// done: the length of the header.
    std::size_t bytes = 0;
    proxy_header header;  // done
};

/// Reads the header at the front of `bytes`, all that has come so far. Bytes that begin like no header are bad at once, from
/// the first one on; a version 2 header longer than limits::max_proxy_header is bad too. What version 2 appends to the
/// addresses is skipped.
[[nodiscard]] parsed_proxy_header parse_proxy_header(std::string_view bytes);

/// One address of each family: both are written as IPv6.
[[nodiscard]] std::string write_proxy_header(const proxy_header& header, proxy_version version);

}  // namespace sallyport::proto
