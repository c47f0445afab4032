#pragma once
// What all sessions of a server share. Made once, held by every session, so that it outlives them; safe from all loops.

#include <atomic>
#include <cstdint>

#include <sallyport/net/offload.hpp>
#include <sallyport/reach/passive.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::server {

struct context {
    context(net::loop_group& loops, settings s, status::counters& c)
        : config(std::move(s)),
          counters(c),
          users(config.users, config.anonymous),
          inbound(loops, config.inbound, config.tls, c) {}

    const settings config;
    status::counters& counters;
    const accounts users;
    reach::passive inbound;

    /// Disk work. More threads than cores: they wait for the disk, not for the processor.
    net::worker_pool disk{8};
    /// Slow password hashes, apart from the disk's threads and few: two at a time bound their memory (AU-04).
    net::worker_pool hashes{2};

    std::atomic<std::uint64_t> sessions_numbered{0};
    /// Set once a source port next to the control port was refused by the system: said once, not tried again (S1).
    std::atomic<bool> low_port_refused{false};
};

}  // namespace sallyport::server
