#pragma once
// One request of HTTP and its answer, as far as metrics_server and the page need them. Plain values; any thread. Texts of a
// request are as the client sent them.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::ops {

enum class http_method : std::uint8_t { get, head, other };

/// The addresses of the connection with the client.
struct http_ends {
    ip_address local;
    ip_address peer;
};

struct http_request {
    http_method method = http_method::other;
    // Path and query: "/status.json?limit=10".
    std::string target;
    bool keep_alive = false;
    // How many fields "Host" there are, and the first of them.
    std::size_t hosts = 0;
    std::string host{};
    std::string authorization{};
    // Sec-Fetch-Site and Sec-Fetch-Mode, which browsers send.
    std::string fetch_site{};
    std::string fetch_mode{};
    // Nothing at a Unix socket.
    std::optional<http_ends> ends{};

    [[nodiscard]] std::string_view path() const noexcept { return std::string_view(target).substr(0, target.find('?')); }
};

struct http_answer {
    std::string_view status = "200 OK";
    std::string body{};
    std::string_view type = "text/plain; charset=utf-8";
    // Further lines of the header, each with its end.
    std::string headers{};
};

}  // namespace sallyport::ops
