#include <sallyport/ops/metrics_server.hpp>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::ops {
namespace {

namespace http = boost::beast::http;

// A client that sends or takes a byte now and then does not keep its place for longer.
constexpr auto max_request_time = 2 * limits::control_timeout;
constexpr auto max_answer_time = 6 * limits::control_timeout;
// As web servers have it; the header is read from its beginning when more of it arrives.
constexpr std::uint32_t max_header = 8 * 1024;
// With more connections than this, each ends after one answer: pages that are open must not keep health checks out.
constexpr std::size_t max_kept_connections = limits::max_control_connections / 2;

[[nodiscard]] std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

[[nodiscard]] http_request request_of(const http::request<http::empty_body>& message) {
    using enum http_method;
    const auto verb = message.method();
    return {.method = verb == http::verb::get    ? get
                      : verb == http::verb::head ? head
                                                 : other,
            .target = text_of(message.target()),
            .keep_alive = message.keep_alive(),
            .hosts = message.count(http::field::host),
            .host = text_of(message[http::field::host]),
            .authorization = text_of(message[http::field::authorization]),
            .fetch_site = text_of(message["Sec-Fetch-Site"]),
            .fetch_mode = text_of(message["Sec-Fetch-Mode"])};
}

/// Nothing: more has to be received. An error: it is no request that this server can answer.
[[nodiscard]] result<std::optional<http_request>> take_request(std::string& received) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(max_header);
    boost::system::error_code failed;
    std::size_t taken = 0;
    while (taken < received.size() && !parser.is_done() && !failed)
        taken += parser.put(boost::asio::buffer(received.data() + taken, received.size() - taken), failed);
    if (failed == http::error::need_more || (!failed && !parser.is_done())) return std::nullopt;
    if (failed) return fail(errc::syntax, failed.message());
    received.erase(0, taken);
    return request_of(parser.get());
}

[[nodiscard]] net::time_limit limit_of(net::clock::duration total) {
    return {.progress = limits::control_timeout, .total = net::clock::now() + total};
}

[[nodiscard]] std::string text_of(const http_answer& a, bool with_body, bool keep_alive) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: "
        "nosniff\r\n{}"
        "Connection: {}\r\n\r\n{}",
        a.status, a.type, a.body.size(), a.headers, keep_alive ? "keep-alive" : "close", with_body ? a.body : std::string());
}

}  // namespace

struct metrics_server::impl : std::enable_shared_from_this<impl> {
    impl(net::loop& l, metrics_answers a) : loop(l), answers(std::move(a)) {}

    static net::task<> accept_tcp(std::shared_ptr<impl> self);
    static net::task<> accept_local(std::shared_ptr<impl> self);
    void admit(unique_fd socket, const endpoint& at, const endpoint& peer);
    static net::task<> serve(std::shared_ptr<impl> self, net::stream connection);
    static net::task<http_answer> answer_to(std::shared_ptr<impl> self, http_request asked);

    net::loop& loop;
    // One of them.
    std::optional<net::listener> tcp{};
    std::unique_ptr<unix_listener> local{};
    // For messages.
    std::string place{};
    const metrics_answers answers;
    std::size_t open_connections = 0;
    bool is_closed = false;
};

net::task<> metrics_server::impl::accept_tcp(std::shared_ptr<impl> self) {
    while (!self->is_closed) {
        auto accepted = co_await self->tcp->accept();
        if (!accepted) co_return;
        self->admit(std::move(accepted->socket), accepted->local, accepted->peer);
    }
}

net::task<> metrics_server::impl::accept_local(std::shared_ptr<impl> self) {
    while (!self->is_closed) {
        auto accepted = co_await self->local->accept();
        if (!accepted) co_return;
        self->admit(std::move(accepted), {}, {});
    }
}

void metrics_server::impl::admit(unique_fd socket, const endpoint& at, const endpoint& peer) {
    // The limit is reached; closing the descriptor rejects the connection.
    if (open_connections >= limits::max_control_connections) return;
    net::stream connection(loop, std::move(socket), at, peer);
    loop.spawn("metrics connection", serve(shared_from_this(), std::move(connection)));
}

net::task<> metrics_server::impl::serve(std::shared_ptr<impl> self, net::stream connection) {
    ++self->open_connections;
    const at_exit count_end([&self] { --self->open_connections; });
    std::array<char, 4096> block{};
    std::string received;
    auto limit = limit_of(max_request_time);
    for (bool continues = true; continues && !self->is_closed;) {
        auto asked = take_request(received);
        if (asked && !*asked) {
            const auto got = co_await connection.read_some(block, limit);
            if (!got || *got == 0) co_return;
            received.append(block.data(), *got);
            continue;
        }
        continues = asked && (*asked)->keep_alive && self->open_connections <= max_kept_connections;
        const bool is_head = asked && (*asked)->method == http_method::head;
        http_answer found{.status = "400 Bad Request", .body = "This is not a request of HTTP.\n"};
        if (asked) {
            if (self->tcp) (*asked)->ends = {connection.local().address, connection.peer().address};
            found = co_await answer_to(self, std::move(**asked));
        }
        const auto text = text_of(found, !is_head, continues);
        const auto sent = co_await connection.write_all(text, limit_of(max_answer_time));
        if (!sent) co_return;
        limit = limit_of(max_request_time);
    }
}

net::task<http_answer> metrics_server::impl::answer_to(std::shared_ptr<impl> self, http_request asked) {
    if (asked.method == http_method::other)
        co_return http_answer{.status = "405 Method Not Allowed", .body = "Only GET and HEAD are answered.\n"};
    const auto path = asked.path();
    if (path == "/metrics") {
        auto text = co_await self->answers.metrics();
        co_return http_answer{.body = std::move(text), .type = "text/plain; version=0.0.4; charset=utf-8"};
    }
    if (path == "/healthz") co_return http_answer{.body = "ok\n"};
    if (path == "/readyz") {
        if (self->answers.is_ready()) co_return http_answer{.body = "ready\n"};
        co_return http_answer{.status = "503 Service Unavailable", .body = "New sessions are not wanted here.\n"};
    }
    if (self->answers.page) {
        auto found = co_await self->answers.page(std::move(asked));
        co_return found;
    }
    co_return http_answer{.status = "404 Not Found", .body = "There is /metrics, /healthz and /readyz.\n"};
}

result<metrics_server> metrics_server::open(net::loop& loop, const metrics_place& at, metrics_answers answers,
                                            bool takes_over) {
    auto made = std::make_shared<impl>(loop, std::move(answers));
    if (const auto* const place = std::get_if<socket_place>(&at)) {
        auto opened = unix_listener::open(loop, "socket", *place, takes_over);
        if (!opened) return std::unexpected(std::move(opened).error());
        made->local = std::move(*opened);
        made->place = fmt::format(" of the Unix socket {}", place->path);
        loop.spawn("metrics", impl::accept_local(made));
    } else {
        auto opened = net::listener::open(loop, std::get<endpoint>(at), {.reuse_port = true});
        if (!opened) return std::unexpected(std::move(opened).error());
        made->place = fmt::format("http://{}", opened->local().text());
        made->tcp.emplace(std::move(*opened));
        loop.spawn("metrics", impl::accept_tcp(made));
    }
    return metrics_server(std::move(made));
}

metrics_server::~metrics_server() {
    if (!impl_) return;
    impl_->is_closed = true;
    if (impl_->tcp) impl_->tcp->close();
    if (impl_->local) impl_->local->close();
}

metrics_server::metrics_server(metrics_server&&) noexcept = default;

std::string metrics_server::text(std::string_view path) const {
    return impl_->tcp ? impl_->place + std::string(path) : std::string(path) + impl_->place;
}

}  // namespace sallyport::ops
