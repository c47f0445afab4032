#pragma once
// The sections [user.NAME], [group.NAME], [anonymous] and [default] of the server's configuration file. docs/server.md has
// their keys.
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

/// What one section sets.
struct account_section {
    struct text_value {
        std::string text;
        // "FILE, line N"
        std::string where;
    };
    std::string where;
    std::optional<std::string> password{};
    std::optional<text_value> group{};
    std::optional<text_value> home{};
    std::optional<server::right_set> rights{};
    std::optional<std::vector<server::path_rights>> paths{};
    std::optional<std::vector<std::string>> deny{};
    std::optional<std::vector<std::string>> hide{};
    std::optional<std::vector<ip_network>> allow_from{};
    std::optional<std::vector<ip_network>> refuse_from{};
    std::optional<std::int64_t> expires{};
    std::optional<bool> tls_required{};
    std::optional<std::uint64_t> max_sessions{};
    std::optional<std::uint64_t> upload_rate{};
    std::optional<std::uint64_t> download_rate{};
    std::optional<std::uint32_t> file_mode{};
    std::optional<std::uint32_t> directory_mode{};
    std::optional<bool> world_readable_only{};
};

class account_sections {
public:
    /// Whether a table of this name is one of the sections, and not a group of options.
    [[nodiscard]] static bool is_section(std::string_view name) noexcept;
    /// Reads a table for which that is true.
    [[nodiscard]] result<void> read(std::string_view name, const toml::table& table, const std::string& file);

    /// Adds the accounts to those of the options, which have no sections. `directory` is the shared one.
    [[nodiscard]] result<void> add_to(server::settings& settings, const std::string& directory, vfs::sync_policy sync) const;

    [[nodiscard]] std::size_t user_count() const noexcept { return users_.size(); }
    [[nodiscard]] bool has_anonymous() const noexcept { return anonymous_.has_value(); }
    /// The homes outside of `directory`.
    [[nodiscard]] std::vector<std::string> homes(const std::string& directory) const;
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
