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

struct request {
    http::verb method{};
    std::string path;
    bool keep_alive = false;
};

/// Nothing: more has to be received. An error: it is no request that this server can answer.
[[nodiscard]] result<std::optional<request>> take_request(std::string& received) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits::max_control_request));
    boost::system::error_code failed;
    std::size_t taken = 0;
    while (taken < received.size() && !parser.is_done() && !failed)
        taken += parser.put(boost::asio::buffer(received.data() + taken, received.size() - taken), failed);
    if (failed == http::error::need_more || (!failed && !parser.is_done())) return std::nullopt;
    if (failed) return fail(errc::syntax, failed.message());
    received.erase(0, taken);
    const auto& message = parser.get();
    const auto target = std::string_view(message.target().data(), message.target().size());
    return request{message.method(), std::string(target.substr(0, target.find('?'))), message.keep_alive()};
}

struct answer {
    std::string_view status = "200 OK";
    std::string body;
    std::string_view type = "text/plain; charset=utf-8";
};

[[nodiscard]] std::string text_of(const answer& a, bool with_body, bool keep_alive) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: "
        "nosniff\r\n"
        "Connection: {}\r\n\r\n{}",
        a.status, a.type, a.body.size(), keep_alive ? "keep-alive" : "close", with_body ? a.body : std::string());
}

}  // namespace

struct metrics_server::impl : std::enable_shared_from_this<impl> {
    impl(net::loop& l, metrics_answers a) : loop(l), answers(std::move(a)) {}

    static net::task<> accept_tcp(std::shared_ptr<impl> self);
    static net::task<> accept_local(std::shared_ptr<impl> self);
    void admit(unique_fd socket, const endpoint& local, const endpoint& peer);
    static net::task<> serve(std::shared_ptr<impl> self, net::stream connection);
    static net::task<answer> answer_to(std::shared_ptr<impl> self, request asked);

    net::loop& loop;
    // One of them.
    std::optional<net::listener> tcp{};
    std::unique_ptr<unix_listener> local{};
    std::string text{};
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
    const net::time_limit limit{.progress = limits::control_timeout};
    std::array<char, 4096> block{};
    std::string received;
    for (bool continues = true; continues && !self->is_closed;) {
        auto asked = take_request(received);
        if (asked && !*asked) {
            const auto got = co_await connection.read_some(block, limit);
            if (!got || *got == 0) co_return;
            received.append(block.data(), *got);
            continue;
        }
        continues = asked && (*asked)->keep_alive;
        const bool is_head = asked && (*asked)->method == http::verb::head;
        answer found{.status = "400 Bad Request", .body = "This is not a request of HTTP.\n"};
        if (asked) found = co_await answer_to(self, std::move(**asked));
        const auto text = text_of(found, !is_head, continues);
        const auto sent = co_await connection.write_all(text, limit);
        if (!sent) co_return;
    }
}

net::task<answer> metrics_server::impl::answer_to(std::shared_ptr<impl> self, request asked) {
    if (asked.method != http::verb::get && asked.method != http::verb::head)
        co_return answer{.status = "405 Method Not Allowed", .body = "Only GET and HEAD are answered.\n"};
    if (asked.path == "/metrics") {
        auto text = co_await self->answers.metrics();
        co_return answer{.body = std::move(text), .type = "text/plain; version=0.0.4; charset=utf-8"};
    }
    if (asked.path == "/healthz") co_return answer{.body = "ok\n"};
    if (asked.path == "/readyz") {
        if (self->answers.is_ready()) co_return answer{.body = "ready\n"};
        co_return answer{.status = "503 Service Unavailable", .body = "New sessions are not wanted here.\n"};
    }
    co_return answer{.status = "404 Not Found", .body = "There is /metrics, /healthz and /readyz.\n"};
}

result<metrics_server> metrics_server::open(net::loop& loop, const metrics_place& at, metrics_answers answers,
                                            bool takes_over) {
    auto made = std::make_shared<impl>(loop, std::move(answers));
    if (const auto* const place = std::get_if<socket_place>(&at)) {
        auto opened = unix_listener::open(loop, "socket", *place, takes_over);
        if (!opened) return std::unexpected(std::move(opened).error());
        made->local = std::move(*opened);
        made->text = fmt::format("/metrics of the Unix socket {}", place->path);
        loop.spawn("metrics", impl::accept_local(made));
    } else {
        auto opened = net::listener::open(loop, std::get<endpoint>(at), {.reuse_port = true});
        if (!opened) return std::unexpected(std::move(opened).error());
        made->text = fmt::format("http://{}/metrics", opened->local().text());
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

std::string metrics_server::text() const { return impl_->text; }

}  // namespace sallyport::ops
