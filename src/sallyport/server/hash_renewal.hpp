#pragma once
// Renews password hashes in a database of accounts: after a right password, a hash that is not argon2id is replaced by one
// that is. Changes by commands meanwhile are kept.
//
// Owned by the command, and shared by the server's settings. Any thread; submit() does not wait. One thread of its own makes
// the changes, which may block on the disk and on the lock of the database.

#include <memory>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/fair_queue.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::server {

/// Nothing is changed, and false is returned, if the account has an argon2id hash, or that of another password, or is gone.
/// May block.
[[nodiscard]] result<bool> renew_hash(const std::string& file, const std::string& name, std::string_view password);

class hash_renewal {
public:
    explicit hash_renewal(std::string file) : file_(std::move(file)) {}

    /// After a login with the right password. If too many wait, the hash is renewed at a later login.
    void submit(const std::string& name, const std::string& password, const work_owner& owner);

private:
    void renew(const std::string& name, std::string_view password);

    // More logins than this at once are those of a start after a longer pause.
    static constexpr std::size_t max_queued = 256;

    const std::string file_;
    // Used by the thread alone: the failure that was logged last.
    std::string last_failure_;
    // The last member: its destructor waits for the thread.
    net::worker_pool pool_{1, max_queued};
};

}  // namespace sallyport::server
