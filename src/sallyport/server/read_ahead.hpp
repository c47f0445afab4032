#pragma once
// What a lister has behind its first block, read ahead by a few threads of the pool (limits::listing_readers) while the
// loop sends. They go on by themselves while there is room for what they read: neither a loop that comes late nor a client
// that stops for a moment keeps them waiting. Loop thread only.

#include <cstddef>
#include <memory>
#include <string>

#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/server/lister.hpp>

namespace sallyport::server {

class read_ahead {
public:
    /// Begins at once. `source` must live until next() has given the end; to have that soon, source.end().
    read_ahead(net::worker_pool& pool, net::loop& loop, lister& source);

    /// One more block; empty at the end, when nobody reads any more. A failure ends the reading, but is not the end yet.
    net::task<result<std::string>> next();

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace sallyport::server
