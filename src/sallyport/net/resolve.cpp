#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <sallyport/net/resolver_pool.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {
namespace {

using addresses = result<std::vector<ip_address>>;

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

}  // namespace

worker_pool& resolver_pool() {
    static auto& pool = *new worker_pool(4);
    return pool;
}

task<addresses> resolve(loop& l, std::string host, time_limit limit) {
    if (const auto literal = ip_address::parse(host)) co_return std::vector{*literal};
    auto lookup = [host] { return look_up(host); };
    auto answer = co_await run_in_resolver_pool(l, std::move(lookup), limit);
    if (answer) co_return std::move(*answer);
    co_return fail(errc::timeout, fmt::format("cannot find the address of \"{}\": timed out", host));
}

}  // namespace sallyport::net
