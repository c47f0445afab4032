#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <sallyport/net/resolve_for_client.hpp>
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

worker_pool& client_resolver_pool() {
    static auto& pool = *new worker_pool(4);
    return pool;
}

namespace {

task<addresses> resolve_in(worker_pool& pool, loop& l, std::string host, time_limit limit, work_owner client) {
    if (const auto literal = ip_address::parse(host)) co_return std::vector{*literal};
    auto lookup = [host] { return look_up(host); };
    auto answer = co_await run_in_resolver_pool(l, std::move(lookup), limit, pool, client);
    if (answer) co_return std::move(*answer);
    co_return fail(errc::timeout, fmt::format("cannot find the address of \"{}\": timed out", host));
}

}  // namespace

task<addresses> resolve(loop& l, std::string host, time_limit limit) {
    return resolve_in(resolver_pool(), l, std::move(host), limit, {});
}

task<addresses> resolve_for_client(loop& l, std::string host, ip_address client, time_limit limit) {
    return resolve_in(client_resolver_pool(), l, std::move(host), limit, {.address = client.client_network()});
}

}  // namespace sallyport::net
