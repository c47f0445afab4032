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
#include <sallyport/server/disk_access.hpp>
#include <sallyport/server/lister.hpp>

namespace sallyport::server {

class read_ahead {
public:
    /// Starts reading immediately. `source` and what `disk` refers to must outlive the reading, that is, until next() has
    /// returned the end; source.stop() brings that about.
    read_ahead(const disk_access& disk, lister& source);

    /// Returns the next block; an empty one marks the end, when no thread reads any more. After an error, reading stops, and
    /// next() must be called until the end.
    net::task<result<std::string>> next();

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// The first lines of a listing, read in slices.
net::task<result<std::string>> read_first(const disk_access& disk, lister& source);

}  // namespace sallyport::server
