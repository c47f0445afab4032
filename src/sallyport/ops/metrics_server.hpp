#pragma once
// Metrics and health over HTTP/1.1 (RFC 9112), for Prometheus, load balancers and container managers: GET /metrics, /healthz
// and /readyz; and the page for browsers (page.hpp). Nothing else is answered, and nothing can be changed.
//
// Served by coroutines on one event loop, with a limit on connections and on the time of each, so that no scraper delays a
// session. Used on that loop's thread, or before the loops run. The loop and what the answers refer to must outlive it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/ops/http_message.hpp>
#include <sallyport/ops/unix_listener.hpp>

namespace sallyport::ops {

/// What is answered. Called on the loop.
struct metrics_answers {
    // In the text format of Prometheus.
    std::function<net::task<std::string>()> metrics;
    // False: /readyz is 503, so that no new clients are sent here.
    std::function<bool()> is_ready;
    // All other paths; may be empty.
    std::function<net::task<http_answer>(http_request)> page{};
};

/// Where it is answered.
using metrics_place = std::variant<endpoint, socket_place>;

class metrics_server {
public:
    /// The old process of a graceful restart may still listen there: `takes_over`.
    [[nodiscard]] static result<metrics_server> open(net::loop& loop, const metrics_place& at, metrics_answers answers,
                                                     bool takes_over = false);
    /// Stops accepting; connections that are being served end by themselves.
    ~metrics_server();
    metrics_server(metrics_server&&) noexcept;
    metrics_server& operator=(metrics_server&&) = delete;

    /// "http://127.0.0.1:9121/metrics", with the port that the system has chosen, or "/metrics of the Unix socket PATH".
    [[nodiscard]] std::string text(std::string_view path) const;

private:
    struct impl;
    explicit metrics_server(std::shared_ptr<impl> i) noexcept : impl_(std::move(i)) {}
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::ops
