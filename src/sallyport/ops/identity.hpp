#pragma once
// The choice of the identity that a daemon takes when it was started as root (AU-05). Values and a pure function; any
// thread. system_accounts() and read_identity_facts() ask the system, before threads are started.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <sallyport/base/error.hpp>

namespace sallyport::ops {

/// A user of the machine with all of its groups.
struct identity {
    // "nobody", or "uid 1000" if the user has no name.
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups{};
    friend bool operator==(const identity&, const identity&) = default;
};

struct directory_owner {
    uid_t user = 0;
    gid_t group = 0;
};

struct identity_facts {
    bool is_root = false;
    // False in a user namespace that has no other users than root.
    bool has_other_users = true;
    // Of the shared directory; nothing for a gateway.
    std::optional<directory_owner> owner{};
};

struct identity_options {
    // --run-as; empty if it is not given.
    std::string run_as;
    // --unsafe-root.
    bool unsafe_root = false;
};

struct identity_choice {
    // Nothing: the process keeps its identity.
    std::optional<identity> become{};
    // For the administrator; may be empty.
    std::string warning{};
};

/// Finds a user by name or, with user ID and group, one that may have no name.
struct account_lookup {
    std::function<std::optional<identity>(const std::string& name)> by_name;
    std::function<identity(const directory_owner& owner)> by_owner;
};

/// errc::usage: --run-as names no user, or root, or the process may not change its identity.
[[nodiscard]] result<identity_choice> choose_identity(const identity_options& options, const identity_facts& facts,
                                                      const account_lookup& accounts);

/// Looks users up in the system's databases (getpwnam(3)).
[[nodiscard]] account_lookup system_accounts();
/// `shared`: the shared directory; empty for a gateway.
[[nodiscard]] identity_facts read_identity_facts(const std::string& shared);

}  // namespace sallyport::ops
