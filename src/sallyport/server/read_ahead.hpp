#pragma once
// Reads the blocks of a listing after the first one ahead, on several threads of the pool (limits::listing_readers), while
// the loop sends. The threads continue while the limit of blocks is not reached, so a busy loop or a slow client does not
// stop them at once.
//
// Owned by the transfer; its state lives as long as a thread reads. Used on the loop's thread only.

#include <cstddef>
#include <memory>
#include <string>

#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/server/lister.hpp>

namespace sallyport::server {

class read_ahead {
public:
    /// Starts reading immediately. `source` must outlive the reading, that is, until next() has returned the end;
    /// source.stop() brings that about.
    read_ahead(net::worker_pool& pool, net::loop& loop, lister& source);

    /// Returns the next block; an empty one marks the end, when no thread reads any more. After an error, reading stops, and
    /// next() must be called until the end.
    net::task<result<std::string>> next();

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace sallyport::server
