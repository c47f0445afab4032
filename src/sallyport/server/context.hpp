#pragma once
// What the sessions of a server share. Made once, held by every session, so that it outlives them; safe from all loops.
//
// A session keeps the context that it began with, so settings never change under it. New settings are a new context upon the
// same foundation, for the sessions to come (G6).

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include <sallyport/net/offload.hpp>
#include <sallyport/reach/passive.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::server {

/// What outlives a change of the settings.
struct foundation {
    foundation(net::loop_group& loops, const settings& s, status::counters& c)
        : counters(c), inbound(loops, s.inbound, s.tls, c) {}

    status::counters& counters;
    reach::passive inbound;

    /// Disk work. More threads than cores: they wait for the disk, not for the processor.
    net::worker_pool disk{8};
    /// Slow password hashes, apart from the disk's threads and few: two at a time bound their memory (AU-04).
    net::worker_pool hashes{2};

    /// Set once a source port next to the control port was refused by the system: said once, not tried again (S1).
    std::atomic<bool> low_port_refused{false};
};

struct context {
    context(settings s, std::shared_ptr<foundation> f)
        : config(std::move(s)), users(config.users, config.anonymous), base(std::move(f)) {}

    /// What this account sees.
    [[nodiscard]] vfs::filesystem& files_of(const account& who) const noexcept {
        return who.anonymous && config.anonymous_files ? *config.anonymous_files : *config.files;
    }

    const settings config;
    const accounts users;
    const std::shared_ptr<foundation> base;

    status::counters& counters = base->counters;
    reach::passive& inbound = base->inbound;
    net::worker_pool& disk = base->disk;
    net::worker_pool& hashes = base->hashes;
    std::atomic<bool>& low_port_refused = base->low_port_refused;
};

}  // namespace sallyport::server
