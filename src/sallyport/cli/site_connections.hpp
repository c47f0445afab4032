#pragma once
// The connections with one site: their event loop, their pool, and what earlier runs have learned about the site. A value
// that belongs to one command (site_run.hpp), or to a shell (kept_site.hpp). The main thread makes and destroys it; the pool
// is used on the thread that runs the loop.

#include <atomic>
#include <cstddef>
#include <memory>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/site_memory.hpp>
#include <sallyport/client/pool.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::cli {

struct site_connections {
    site_memory memory;
    net::loop_group loops{1};
    client::pool pool;

    /// `options` are those of the site, `how` is made from them, and `count` is the maximum number of connections. None is
    /// opened yet.
    site_connections(const client::url& site, const client_options& options, client::options how,
                     reach::mapping_settings mapping, std::size_t count);
};

}  // namespace sallyport::cli
