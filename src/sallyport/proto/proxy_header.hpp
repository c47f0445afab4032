#pragma once
// Parser and writer for the header of the PROXY protocol, versions 1 (a text line) and 2 (binary).
//
// A load balancer sends the header before the first byte of a connection; it names the client and the destination of the
// client's connection. The caller decides which senders are trusted. Pure functions and values; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::proto {

enum class proxy_version : std::uint8_t { v1, v2 };

struct proxy_header {
    /// False if the load balancer connects for itself (LOCAL, used by its health checks), or names no client (UNKNOWN, or a
    /// family other than TCP over IP). Then the addresses of the connection count, and the two below have no meaning.
    bool proxied = false;
    // The address of the client.
    endpoint source;
    // The address that the client connected to.
    endpoint destination;

    friend bool operator==(const proxy_header&, const proxy_header&) = default;
};

struct parsed_proxy_header {
    enum class state : std::uint8_t { need_more, done, bad };
    state status = state::need_more;
    /// need_more: the minimum number of missing bytes; reading no more than that never reads beyond the header.
    /// done: the length of the header.
    std::size_t bytes = 0;
    /// done: the header.
    proxy_header header;
};

/// Parses the header at the start of `bytes`, which are all bytes received so far. Bytes that cannot start a header are
/// `bad` immediately, from the first byte on, and so is a version 2 header longer than limits::max_proxy_header. The
/// extensions after the addresses of version 2 are skipped.
[[nodiscard]] parsed_proxy_header parse_proxy_header(std::string_view bytes);

/// If the addresses are of different families, both are written as IPv6.
[[nodiscard]] std::string write_proxy_header(const proxy_header& header, proxy_version version);

}  // namespace sallyport::proto
