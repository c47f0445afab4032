#include <sallyport/client/address_race.hpp>

#include <algorithm>

#include <sys/socket.h>

#include <sallyport/base/at_exit.hpp>
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

void address_race::start(unique_fd socket, endpoint to, const std::function<void(const endpoint& local)>& on_local,
                         net::time_limit limit) {
    if (auto started = net::start_connect(socket.get(), to, on_local); !started) {
        failures_.push_back(std::move(started.error()));
        changed_.set();
        return;
    }
    sockets_.push_back(socket.get());
    loop_.spawn("connecting", finish(shared_from_this(), std::move(socket), to, limit));
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

net::task<> address_race::finish(std::shared_ptr<address_race> self, unique_fd socket, endpoint to, net::time_limit limit) {
    const int descriptor = socket.get();
    // Also after an exception, since the caller waits for the end of each attempt.
    const at_exit finished([&self, descriptor] {
        std::erase(self->sockets_, descriptor);
        self->changed_.set();
    });
    auto connected = co_await net::finish_connect(self->loop_, std::move(socket), to, limit);
    if (!connected)
        self->failures_.push_back(std::move(connected.error()));
    else if (!self->ended_ && !self->connected_)
        self->connected_ = std::move(*connected);
}

}  // namespace sallyport::client
