#pragma once
// The FTP and FTPS server: listeners on every event loop, one session per control connection, accounts, transfers.
//
// Owner, threads and lifetime: see frontend/service.hpp.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/proto/server_settings.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/hash_renewal.hpp>
#include <sallyport/server/system_users.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

struct settings : frontend::service_settings {
    // Of accounts without a home of their own.
    std::shared_ptr<vfs::filesystem> files;
    std::vector<user> users;
    // Accounts in a database; nothing: there are only the above.
    stored_accounts_ptr stored;
    // Renews hashes of that database; null: they stay as they are.
    std::shared_ptr<sallyport::server::hash_renewal> hash_renewal;
    // Users whose names are in neither of the two; nothing: there are none.
    std::optional<sallyport::server::system_users> system_users;
    // Nothing: anonymous users may not log in.
    std::optional<account> anonymous;
    // Never null.
    std::shared_ptr<const proto::session_texts> texts = std::make_shared<const proto::session_texts>();
    // The name of the files whose text CWD shows; empty: it shows none.
    std::string message_file;
    // Which commands are refused for all users.
    proto::command_policy commands;
    // Uploads of new files that are cut off stay as NAME.partial.
    bool keep_partial_uploads = false;
    bool ccc_allowed = false;
    bool passive_allowed = true;
    bool active_allowed = true;
    // Use control port - 1 as the source port if the system allows it (S1).
    bool active_from_low_port = true;
};

struct shared_state;

class server final : public frontend::service {
public:
    server(net::loop_group& loops, settings s, status::counters& counters);
    ~server() override;

    [[nodiscard]] result<void> start() override;
    /// Applies new settings to new sessions; running sessions keep theirs. The listeners, the passive ports and the trusted
    /// proxies do not change. Called on the first loop.
    [[nodiscard]] result<std::vector<std::string>> reload(settings s);

private:
    server(net::loop_group& loops, settings s, std::shared_ptr<shared_state> shared);

    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::server
