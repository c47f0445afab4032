#pragma once
// The shared state of the server's sessions, and the session context: see frontend/service.hpp for owner, threads and
// lifetime.

#include <atomic>
#include <memory>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/frontend/user_limit.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/login_turns.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::server {

struct shared_state : frontend::shared_state {
    using frontend::shared_state::shared_state;

    /// For work on the disk: see disk_access.
    net::worker_pool disk{net::pool_size{
        .brief = limits::running_disk_work, .sliced = net::default_loop_count(), .threads = limits::max_disk_threads}};
    /// For slow password hashes, separate from the disk's threads. Two threads limit their memory (AU-04); each login waits
    /// for its turn before it uses one.
    static constexpr std::size_t hash_threads = 2;
    net::worker_pool hashes{hash_threads};
    login_turns hash_turns{hash_threads};
    /// For checks with PAM, which wait for its process and need no thread.
    login_turns pam_turns{helper::pam_client::max_running};

    const std::shared_ptr<frontend::user_limit> sessions_of_users = std::make_shared<frontend::user_limit>();

    /// Set when the system has refused the source port below the control port. It is logged once and not tried again (S1).
    std::atomic<bool> low_port_refused{false};
};

struct session_context : frontend::context_of<settings, shared_state> {
    session_context(settings s, std::shared_ptr<shared_state> shared)
        : context_of(std::move(s), std::move(shared)),
          users(config.users, config.anonymous, config.stored, config.system_users.has_value()) {}

    /// The files of this account.
    [[nodiscard]] vfs::filesystem& files_of(const account& user_account) const noexcept {
        return user_account.files ? *user_account.files : *config.files;
    }

    const accounts users;

    net::worker_pool& disk = base->disk;
    net::worker_pool& hashes = base->hashes;
    login_turns& hash_turns = base->hash_turns;
    login_turns& pam_turns = base->pam_turns;
    std::atomic<bool>& low_port_refused = base->low_port_refused;
};

}  // namespace sallyport::server
