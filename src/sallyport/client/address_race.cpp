#include <sallyport/client/address_race.hpp>

#include <algorithm>

#include <sys/socket.h>

#include <sallyport/net/connecting.hpp>

namespace sallyport::client {

std::vector<ip_address> attempt_order(const std::vector<ip_address>& addresses, ip_version wanted) {
    std::vector<ip_address> out;
    std::vector<ip_address> others;
    for (const auto& each : addresses) {
        if (wanted != ip_version::any && each.is_v4() != (wanted == ip_version::ipv4)) continue;
        (each.is_v4() == addresses.front().is_v4() || wanted != ip_version::any ? out : others).push_back(each);
    }
    for (std::size_t i = 0; i < others.size(); ++i)
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(std::min(2 * i + 1, out.size())), others[i]);
    return out;
}

void address_race::start(unique_fd socket, endpoint to, std::function<void(const endpoint& local)> on_local,
                         net::time_limit limit) {
    sockets_.push_back(socket.get());
    loop_.spawn("connecting", attempt(shared_from_this(), std::move(socket), to, std::move(on_local), limit));
}

net::task<> address_race::wait(net::deadline until) {
    (void)co_await changed_.wait(until);
    changed_.clear();
}

void address_race::end() {
    ended_ = true;
    // An attempt fails then.
    for (const int each : sockets_) ::shutdown(each, SHUT_RDWR);
}

net::task<> address_race::attempt(std::shared_ptr<address_race> self, unique_fd socket, endpoint to,
                                  std::function<void(const endpoint& local)> on_local, net::time_limit limit) {
    const int descriptor = socket.get();
    // Then the caller's function may not exist any more.
    if (self->ended_) co_return;
    auto connected = co_await net::connect_socket(self->loop_, std::move(socket), to, std::move(on_local), limit);
    std::erase(self->sockets_, descriptor);
    if (!connected)
        self->failures_.push_back(std::move(connected.error()));
    else if (!self->ended_ && !self->connected_)
        self->connected_ = std::move(*connected);
    self->changed_.set();
}

}  // namespace sallyport::client
