#pragma once
// Reads the blocks of a listing after the first one ahead, on threads of the pool, while the loop sends. How far depends on
// the client (RX-03): one block at first, limits::max_listing_blocks with limits::listing_readers threads once the client
// has received limits::fast_listing bytes, and nothing for a slow client, whose blocks are small and are read on demand.
// Memory for more than one small block is leased from the large buffers.
//
// Owned by the transfer; its state lives as long as a thread reads. Used on the loop's thread only.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/memory_budget.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/server/lister.hpp>

namespace sallyport::server {

class read_ahead {
public:
    /// `lease` is for the block that is being sent, and for one more; it may be empty. `memory`, `source` and what `disk`
    /// refers to must outlive the reading, that is, until next() has returned the end; source.stop() brings that about.
    read_ahead(const disk_access& disk, lister& source, memory_budget& memory, memory_budget::lease lease);

    /// What the constructor's lease should have.
    static constexpr std::size_t lease_size = 2 * limits::listing_block_size;

    /// Returns the next block; an empty one marks the end, when no thread reads any more. After an error, reading stops, and
    /// next() must be called until the end.
    net::task<result<std::string>> next();
    /// The present block was sent. `acknowledged`: the bytes of the connection that the client's system has acknowledged so
    /// far. What the kernel has accepted for sending shows nothing about the client.
    void note_sent(std::uint64_t acknowledged);
    /// To be called in a wait for a slow client. It has no effect once this object is destroyed.
    [[nodiscard]] std::function<void()> slow_client_handler() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// The first lines of a listing, read in slices.
net::task<result<std::string>> read_first(const disk_access& disk, lister& source, std::size_t size);

}  // namespace sallyport::server
