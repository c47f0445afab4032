#pragma once
// What the sessions of a server share, and what each of them starts with: see frontend/service.hpp.

#include <atomic>
#include <memory>
#include <utility>

#include <sallyport/frontend/service.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::server {

struct shared_state : frontend::shared_state {
    using frontend::shared_state::shared_state;

    /// Disk work. More threads than cores: they wait for the disk, not for the processor.
    net::worker_pool disk{8};
    /// Slow password hashes, apart from the disk's threads and few: two at a time bound their memory (AU-04).
    net::worker_pool hashes{2};

    /// Set once a source port next to the control port was refused by the system: said once, not tried again (S1).
    std::atomic<bool> low_port_refused{false};
};

struct session_context : frontend::context_of<settings, shared_state> {
    session_context(settings s, std::shared_ptr<shared_state> shared)
        : context_of(std::move(s), std::move(shared)), users(config.users, config.anonymous) {}

    /// What this account sees.
    [[nodiscard]] vfs::filesystem& files_of(const account& user_account) const noexcept {
        return user_account.anonymous && config.anonymous_files ? *config.anonymous_files : *config.files;
    }

    const accounts users;

    net::worker_pool& disk = base->disk;
    net::worker_pool& hashes = base->hashes;
    std::atomic<bool>& low_port_refused = base->low_port_refused;
};

}  // namespace sallyport::server
