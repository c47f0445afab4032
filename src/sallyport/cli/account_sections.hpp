#pragma once
// The sections [user.NAME], [group.NAME], [anonymous] and [default] of the server's configuration file, and the settings of
// accounts in a database, which have the same keys. docs/server.md describes them.
//
// A value: the command's options own it. Filled once, on one thread; then read by any. Every error names file and line, and
// none contains a password.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include <sallyport/base/error.hpp>
#include <sallyport/server/server.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::cli {

/// What one section sets of numbers; 0: no limit.
struct account_limits {
    std::optional<std::uint64_t> sessions{};
    std::optional<std::uint64_t> upload_rate{};
    std::optional<std::uint64_t> download_rate{};
    std::optional<std::uint64_t> quota_bytes{};
    std::optional<std::uint64_t> quota_files{};
};

/// What one section sets.
struct account_section {
    struct text_value {
        std::string text;
        // "FILE, line N"
        std::string where;
    };
    std::string where;
    // Nothing: the user has a certificate, or is one of the system.
    std::optional<std::string> password{};
    std::optional<std::vector<std::string>> certificates{};
    std::optional<text_value> group{};
    std::optional<text_value> home{};
    std::optional<server::right_set> rights{};
    std::optional<std::vector<server::path_rights>> paths{};
    std::optional<std::vector<std::string>> deny{};
    std::optional<std::vector<std::string>> hide{};
    std::optional<bool> hide_ids{};
    std::optional<std::vector<ip_network>> allow_from{};
    std::optional<std::vector<ip_network>> refuse_from{};
    std::optional<std::vector<server::login_hours>> hours{};
    std::optional<std::int64_t> expires{};
    std::optional<bool> tls_required{};
    account_limits limits{};
    std::optional<std::uint32_t> file_mode{};
    std::optional<std::uint32_t> directory_mode{};
    std::optional<bool> world_readable_only{};
};

/// The keys of an account in a database: those of [user.NAME] but the password.
inline constexpr std::string_view stored_account_kind = "stored";

/// How the values of a key are written.
enum class key_form : std::uint8_t { text, list, other };
/// Nothing: sections of this kind do not have the key.
[[nodiscard]] std::optional<key_form> form_of_account_key(std::string_view key, std::string_view kind);

/// Whether a home is not below the shared directory.
[[nodiscard]] bool is_outside(const std::string& home, const std::string& directory);

/// Reads one section of this kind. The error names file, line and key.
[[nodiscard]] result<account_section> read_account_section(const toml::node& value, std::string_view kind,
                                                           const std::string& file);

class account_sections {
public:
    /// Whether a table of this name is one of the sections, and not a group of options.
    [[nodiscard]] static bool is_section(std::string_view name) noexcept;
    /// Reads a table for which that is true.
    [[nodiscard]] result<void> read(std::string_view name, const toml::table& table, const std::string& file);

    /// Adds the accounts to those of the options, which have no sections. `directory` is the shared one.
    [[nodiscard]] result<void> add_to(server::settings& settings, const std::string& directory, vfs::sync_policy sync) const;

    /// The account of a database with these settings and the groups and defaults of the file. The home is opened, and found
    /// to be missing, at the login.
    [[nodiscard]] result<server::account> stored_account(const std::string& name, const account_section& section,
                                                         const std::string& directory, vfs::sync_policy sync) const;
    /// The account of a user of the system with its section, or without one, and the groups and defaults of the file.
    /// `system_home`: the home directory that the system has for the user.
    [[nodiscard]] result<server::account> system_account(const std::string& name, const std::string& system_home,
                                                         const std::string& directory, vfs::sync_policy sync) const;
    /// The home of that account of a database.
    [[nodiscard]] result<std::string> stored_home(const std::string& name, const account_section& section,
                                                  const std::string& directory) const;

    [[nodiscard]] std::size_t user_count() const noexcept { return users_.size(); }
    /// Where the first account names a certificate; empty if none does.
    [[nodiscard]] std::string first_certificate() const;
    [[nodiscard]] bool has_user(const std::string& name) const { return users_.contains(name); }
    [[nodiscard]] bool has_anonymous() const noexcept { return anonymous_.has_value(); }
    /// The homes outside of `directory`.
    [[nodiscard]] std::vector<std::string> homes(const std::string& directory) const;
    /// The directories outside of `directory` that are a home of groups and defaults, or in which they have one for each
    /// `{user}`.
    [[nodiscard]] std::vector<std::string> homes_of_stored(const std::string& directory) const;
    [[nodiscard]] const std::vector<std::string>& secret_files() const noexcept { return secret_files_; }
    /// All sections as text, to compare two configurations.
    [[nodiscard]] const std::string& source() const noexcept { return source_; }

private:
    [[nodiscard]] result<account_section> read_section(const toml::node& value, std::string_view kind,
                                                       const std::string& file);
    [[nodiscard]] result<account_section> resolved(const account_section& user) const;
    [[nodiscard]] result<void> add_users(server::settings& settings, const std::string& directory,
                                         vfs::sync_policy sync) const;

    std::map<std::string, account_section> users_;
    std::map<std::string, account_section> groups_;
    std::optional<account_section> anonymous_;
    account_section default_;
    std::vector<std::string> secret_files_;
    std::string source_;
};

}  // namespace sallyport::cli
