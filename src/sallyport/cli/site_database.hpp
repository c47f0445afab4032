#pragma once
// The SQLite file in which the client keeps what it knows of servers, their names and settings included:
// $XDG_STATE_HOME/sallyport/sites.db, or
// ~/.local/state/sallyport/sites.db, for its user alone.
//
// What a client has learned holds for one login at one server in one network, and for a limited time. A change is one
// transaction, so that a client that is killed loses no more than its last change, and several clients can use the file at a
// time. The schema has a number; a newer one is refused.
//
// One thread at a time. Every call may block on the disk, and on locks of other programs for a fraction of a second. The
// object owns its connection; a change that was not committed is undone with it. Errors name the file, the cause and the
// next step: errc::busy is a lock of another program.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/sqlite_connection.hpp>
#include <sallyport/cli/config_file.hpp>

namespace sallyport::cli {

/// The login, server and network for which something was learned.
struct site_key {
    std::string host;
    std::uint16_t port = 21;
    /// "none", "explicit" or "implicit": firewalls treat encrypted sessions differently.
    std::string tls = "none";
    std::string user;
    /// network_name() of this machine at that time.
    std::string network;
    friend bool operator==(const site_key&, const site_key&) = default;
};

struct learned_fact {
    std::string name;
    std::string value;
    /// Seconds since 1970.
    std::int64_t since = 0;
    friend bool operator==(const learned_fact&, const learned_fact&) = default;
};

/// What a login at a server has learned in a network.
struct stored_fact {
    site_key of;
    learned_fact fact;
};

/// The key that a server had when it was trusted.
struct trusted_key {
    /// "sha256//...".
    std::string key;
    /// Seconds since 1970.
    std::int64_t since = 0;
    friend bool operator==(const trusted_key&, const trusted_key&) = default;
};

/// A server that the user has given a name.
struct named_site {
    std::string name;
    /// Without a password.
    std::string url;
    /// Options of the client commands.
    option_values settings;
    friend bool operator==(const named_site&, const named_site&) = default;
};

enum class site_access : std::uint8_t {
    /// Fails with errc::not_found if there is no file.
    read,
    /// Makes the file if there is none. The changes are made by commit().
    change
};

class site_database {
public:
    [[nodiscard]] static result<site_database> open(const std::string& file, site_access how);
    site_database(site_database&&) noexcept = default;
    site_database& operator=(site_database&&) noexcept = default;
    ~site_database() = default;

    [[nodiscard]] result<std::vector<learned_fact>> learned(const site_key& of);
    /// Adds the fact, or replaces the one with this name.
    [[nodiscard]] result<void> learn(const site_key& of, const learned_fact& fact);
    [[nodiscard]] result<void> unlearn(const site_key& of, std::string_view name);
    /// Removes what was learned before this time.
    [[nodiscard]] result<void> remove_before(std::int64_t time);

    /// Of all logins and networks.
    [[nodiscard]] result<std::vector<stored_fact>> learned_of(std::string_view host, std::uint16_t port);
    [[nodiscard]] result<std::optional<trusted_key>> key_of(std::string_view host, std::uint16_t port);
    /// Replaces the key that is known.
    [[nodiscard]] result<void> trust(std::string_view host, std::uint16_t port, const trusted_key& key);
    /// What was learned, and the key.
    [[nodiscard]] result<void> forget(std::string_view host, std::uint16_t port);
    [[nodiscard]] result<void> forget_all();

    [[nodiscard]] result<std::optional<named_site>> find(std::string_view name);
    /// In the order of their names.
    [[nodiscard]] result<std::vector<named_site>> all();
    /// Adds the site, or replaces the one with this name.
    [[nodiscard]] result<void> put(const named_site& site);
    /// False if there is no such site.
    [[nodiscard]] result<bool> remove(std::string_view name);

    [[nodiscard]] result<void> commit();

private:
    explicit site_database(std::string file) : file_(std::move(file)) {}
    [[nodiscard]] result<void> connect(site_access how);
    [[nodiscard]] result<option_values> settings_of(std::string_view name);

    std::string file_;
    sqlite_connection connection_;
    // No table has been made yet.
    bool is_empty_ = false;
};

/// The path of the file; empty if neither XDG_STATE_HOME nor HOME is set.
[[nodiscard]] std::string site_database_file();

}  // namespace sallyport::cli
