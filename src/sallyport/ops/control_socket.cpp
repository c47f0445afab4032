#include <sallyport/ops/control_socket.hpp>

#include <array>
#include <utility>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::ops {

struct control_socket::impl : std::enable_shared_from_this<impl> {
    impl(net::loop& l, std::unique_ptr<unix_listener> opened, request_handler a)
        : loop(l), listener(std::move(opened)), handler(std::move(a)) {}

    static net::task<> accept_all(std::shared_ptr<impl> self);
    static net::task<> serve(std::shared_ptr<impl> self, net::stream connection);

    net::loop& loop;
    const std::unique_ptr<unix_listener> listener;
    request_handler handler;
    std::size_t open_connections = 0;
};

net::task<> control_socket::impl::accept_all(std::shared_ptr<impl> self) {
    for (;;) {
        auto fd = co_await self->listener->accept();
        if (!fd) co_return;
        // The limit is reached; closing the descriptor rejects the connection.
        if (self->open_connections >= limits::max_control_connections) continue;
        net::stream connection(self->loop, std::move(fd), {}, {});
        self->loop.spawn("control connection", serve(self, std::move(connection)));
    }
}

net::task<> control_socket::impl::serve(std::shared_ptr<impl> self, net::stream connection) {
    ++self->open_connections;
    const at_exit count_end([&self] { --self->open_connections; });
    std::string input;
    std::array<char, 4096> block;
    const auto user = peer_user(connection.native_handle());
    const net::time_limit limit{.progress = limits::control_timeout};
    while (input.size() <= limits::max_control_request) {
        const auto end = input.find('\n');
        if (end == std::string::npos) {
            const auto got = co_await connection.read_some(block, limit);
            if (!got || *got == 0) break;
            input.append(block.data(), *got);
            continue;
        }
        std::string request = input.substr(0, end);
        input.erase(0, end + 1);
        std::string line = co_await self->handler(std::move(request), user);
        line += '\n';
        const auto sent = co_await connection.write_all(line, limit);
        if (!sent) break;
    }
}

result<control_socket> control_socket::open(net::loop& loop, std::string_view what, const socket_place& at,
                                            request_handler handler, bool takes_over) {
    auto listener = unix_listener::open(loop, what, at, takes_over);
    if (!listener) return std::unexpected(std::move(listener).error());
    auto made = std::make_shared<impl>(loop, std::move(*listener), std::move(handler));
    net::keep_running(loop, "control socket", [made] { return impl::accept_all(made); });
    return control_socket(std::move(made));
}

control_socket::control_socket(control_socket&&) noexcept = default;

control_socket::~control_socket() {
    if (impl_) impl_->listener->close();
}

}  // namespace sallyport::ops
