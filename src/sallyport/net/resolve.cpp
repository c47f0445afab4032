#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <sallyport/net/event.hpp>
#include <sallyport/net/offload.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {
namespace {

using addresses = result<std::vector<ip_address>>;

// A look-up can hang for longer than the program takes to stop, so these threads are never waited for.
worker_pool& resolver_pool() {
    static auto& pool = *new worker_pool(4);
    return pool;
}

addresses look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* raw = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
    if (failed != 0)
        return fail(errc::unresolved, fmt::format("cannot find the address of \"{}\": {}", host, ::gai_strerror(failed)));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(raw, &::freeaddrinfo);
    std::vector<ip_address> found;
    for (const auto* each = raw; each != nullptr; each = each->ai_next) {
        const auto address = socket_address(each->ai_addr, each->ai_addrlen).value().address;
        if (std::ranges::find(found, address) == found.end()) found.push_back(address);
    }
    if (found.empty()) return fail(errc::unresolved, fmt::format("cannot find the address of \"{}\": it has none", host));
    return found;
}

// Shared between the waiter and the pool's thread, which may come back when the waiter, or the loop, is gone.
struct question {
    explicit question(loop& l) : answered(l) {}
    event answered;
    addresses answer;
};

}  // namespace

task<addresses> resolve(loop& l, std::string host, time_limit limit) {
    if (const auto literal = ip_address::parse(host)) co_return std::vector{*literal};
    const auto asked = std::make_shared<question>(l);
    resolver_pool().submit([host, waiter = std::weak_ptr(asked), mail = l.mail()] {
        mail->post([waiter, answer = look_up(host)]() mutable {
            const auto q = waiter.lock();
            if (!q) return;
            q->answer = std::move(answer);
            q->answered.set();
        });
    });
    const bool in_time = co_await asked->answered.wait(limit.next(clock::now()));
    if (!in_time) co_return fail(errc::timeout, fmt::format("cannot find the address of \"{}\": no answer in time", host));
    co_return std::move(asked->answer);
}

}  // namespace sallyport::net
