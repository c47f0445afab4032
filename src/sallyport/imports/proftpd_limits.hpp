#pragma once
// What the sections <Limit> of proftpd.conf permit to a user, as rights of an account. Pure functions on values that the
// caller owns; any thread.
//
// ProFTPD looks for the command by its name in the section <Directory>, <Anonymous> or server that contains the path, from
// the innermost one outwards, then by the group of the command (READ, WRITE, DIRS), then by ALL; the first decision counts.
// A condition that has no equivalent (a class, a network, a regular expression) never permits and always refuses.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/imports/proftpd_reader.hpp>

namespace sallyport::imports {

struct proftpd_user {
    std::string name{};
    std::vector<std::string> groups{};
    // The directory that its home in the password file names, and the one that becomes its root.
    std::string own_home{};
    std::string root{};
};

/// Sections from the innermost one outwards.
using proftpd_scopes = std::vector<const proftpd_section*>;

[[nodiscard]] bool permits(const proftpd_scopes& scopes, std::string_view command, const proftpd_user& user);

/// Whether it may log in from some address; networks_of() has the addresses.
[[nodiscard]] bool permits_login(const proftpd_scopes& scopes, const proftpd_user& user);

/// The rights of 'sallyport serve' of which ProFTPD permits every command.
[[nodiscard]] std::vector<std::string> rights_of(const proftpd_scopes& scopes, const proftpd_user& user);

/// A switch (on, off) of the innermost section that sets it.
[[nodiscard]] bool is_on(const proftpd_scopes& scopes, std::string_view directive, bool otherwise);

/// "AND staff,!guests": groups must all match unless OR is written, users need one match unless AND is written.
[[nodiscard]] bool matches_groups(const std::vector<std::string>& words, const proftpd_user& user);

/// The networks of <Limit LOGIN>; an empty list permits all.
struct proftpd_networks {
    std::vector<std::string> allow{};
    std::vector<std::string> refuse{};
    // A condition could not be taken over.
    bool is_incomplete = false;
};
[[nodiscard]] proftpd_networks networks_of(const proftpd_section& limit, const proftpd_section& server);

}  // namespace sallyport::imports
