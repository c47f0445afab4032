#include <sallyport/cli/site_connections.hpp>

#include <functional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/client/router_listener.hpp>

namespace sallyport::cli {
namespace {

/// The options of each session; they differ in what belongs to its loop, and in the transcript.
std::function<client::options(net::loop&)> session_options(client::options common, reach::mapping_settings mapping,
                                                           bool several) {
    const auto count = std::make_shared<std::atomic<int>>(0);
    return [common = std::move(common), mapping = std::move(mapping), several, count](net::loop& l) {
        auto out = common;
        if (mapping.is_enabled()) out.mapping = std::make_shared<client::router_listener>(l, mapping);
        if (common.transcript && several)
            out.transcript = [number = ++*count, print = common.transcript](std::string_view line) {
                print(fmt::format("[{}] {}", number, line));
            };
        return out;
    };
}

client::pool_settings pool_settings_of(const client_options& options, const site_memory& memory, client::options how,
                                       reach::mapping_settings mapping, std::size_t count) {
    client::pool_settings out;
    out.connections = count;
    out.pipelining = !options.transfers.no_pipelining;
    out.known = memory.known();
    out.session_options = session_options(std::move(how), std::move(mapping), count > 1);
    return out;
}

}  // namespace

site_connections::site_connections(const client::url& site, const client_options& options, client::options how,
                                   reach::mapping_settings mapping, std::size_t count)
    : memory(site, options, how),
      pool(loops.at(0), site, pool_settings_of(options, memory, std::move(how), std::move(mapping), count)) {}

}  // namespace sallyport::cli
