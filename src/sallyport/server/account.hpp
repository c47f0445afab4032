#pragma once
// An account of the server: what its user may do, with which files, and when it may log in. The password is not part of it
// (accounts.hpp).
//
// A value that does not change. Sessions and transfers share it, and keep it after a reload; any thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/server/login_rules.hpp>
#include <sallyport/server/rights.hpp>
#include <sallyport/server/wildcard.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

/// The rights at a path and below it.
struct path_rights {
    virtual_path path;
    right_set rights;
};

/// Bytes per second; 0: no limit.
struct transfer_rates {
    std::uint64_t upload = 0;
    std::uint64_t download = 0;
};

/// Shared between accounts, since a compiled wildcard is large.
using name_patterns = std::vector<std::shared_ptr<const wildcard>>;

struct account {
    std::string name;
    bool anonymous = false;
    // At paths for which there is no other entry.
    right_set rights{};
    // Of these, the longest path that contains a file decides.
    std::vector<path_rights> paths{};
    // Names of files and directories that are listed, but can't be used; each component of a path is compared.
    name_patterns deny{};
    // Names that don't exist for this account.
    name_patterns hide{};
    // Listings show "ftp" as owner and group of everything.
    bool hide_ids = false;
    // A client whose verified certificate has one of these names needs no password: "cn:NAME", "email:ADDRESS", "dns:HOST",
    // or its fingerprint, "sha256:AB:CD:...".
    std::vector<std::string> certificates{};
    login_rules login{};
    transfer_rates rates{};
    // The account's home, which it can't leave. Nothing: the directory of the server.
    std::shared_ptr<vfs::filesystem> files{};
    // Opens it at each login, so that accounts that are not used need no descriptor. May block on the disk; any thread.
    std::function<result<std::shared_ptr<vfs::filesystem>>()> open_files{};
};

using account_ptr = std::shared_ptr<const account>;

}  // namespace sallyport::server
