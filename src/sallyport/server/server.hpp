#pragma once
// The FTP/FTPS server: listeners on every loop, a session driver per connection, users, transfers.
//
// Ownership, threads and lifetimes: frontend/service.hpp.

#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

struct settings : frontend::service_settings {
    std::shared_ptr<vfs::filesystem> files;
    std::vector<user> users;
    bool anonymous = false;                            // read only
    std::shared_ptr<vfs::filesystem> anonymous_files;  // what anonymous sees instead of `files`; may be empty
    std::string greeting = "Sallyport ready.";
    bool ccc_allowed = false;
    bool passive_allowed = true;
    bool active_allowed = true;
    bool active_from_low_port = true;  // from control port - 1 where the system lets us (S1)
};

struct shared_state;

class server final : public frontend::service {
public:
    server(net::loop_group& loops, settings s, status::counters& counters);
    ~server() override;

    [[nodiscard]] result<void> start() override;
    /// On the first loop: sessions that start from now on use these settings, those that run keep theirs. Where it listens
    /// and its passive ports stay as they were at the start, and so do the trusted proxies.
    [[nodiscard]] result<std::vector<std::string>> reload(settings s);

private:
    server(net::loop_group& loops, settings s, std::shared_ptr<shared_state> shared);

    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::server
