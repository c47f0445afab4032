#pragma once
// The settings of vsftpd by their names: those of vsftpd.conf, over which a file of user_config_dir can be read. A value;
// one thread.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_file.hpp>
#include <sallyport/imports/import_report.hpp>
#include <sallyport/imports/vsftpd_settings.hpp>

namespace sallyport::imports {

/// The row of the table, or nullptr.
[[nodiscard]] const vsftpd_setting* find_setting(std::string_view key);

class vsftpd_values {
public:
    struct given_value {
        std::string value;
        std::size_t line = 0;
        std::string file;
    };

    /// Each line replaces what there is. Lines of the file that another one in it replaces are added to `replaced`. What
    /// vsftpd itself would refuse is an error with file and line.
    [[nodiscard]] result<void> read(const import_file& file, std::vector<imported_setting>& replaced);

    /// Or the default.
    [[nodiscard]] std::string value(std::string_view key) const;
    [[nodiscard]] bool yes(std::string_view key) const { return value(key) == "YES"; }
    [[nodiscard]] unsigned count(std::string_view key) const { return number(key, 10).value_or(0); }
    [[nodiscard]] unsigned mask(std::string_view key) const { return number(key, 8).value_or(0); }
    /// Only what a file says.
    [[nodiscard]] const std::map<std::string, given_value, std::less<>>& given() const noexcept { return given_; }

    /// They log in with the rights of anonymous users.
    [[nodiscard]] bool has_virtual_users() const { return yes("guest_enable") && !yes("virtual_use_local_privs"); }
    /// The rights of named users, or of anonymous ones.
    [[nodiscard]] std::vector<std::string> rights(bool like_anonymous) const;
    /// The commands that cmds_denied or cmds_allowed (`key`) refuses, and that these rights permit.
    [[nodiscard]] std::vector<std::string> open_commands(std::string_view key, const std::vector<std::string>& rights) const;
    /// Lines of TOML for the accounts of named users: names, rights, modes, rates and homes.
    [[nodiscard]] std::string account_lines() const;
    /// What those of `other`, which have replaced some of these, say differently.
    [[nodiscard]] std::string changed_lines(const vsftpd_values& other) const;

private:
    /// By cmds_allowed and cmds_denied.
    [[nodiscard]] bool permits(std::string_view command) const;
    [[nodiscard]] std::optional<unsigned> number(std::string_view key, int base) const;
    [[nodiscard]] result<void> check_numbers(const std::string& file) const;

    std::map<std::string, given_value, std::less<>> given_;
};

/// Rates in both directions; nothing for no limit.
[[nodiscard]] std::string rate_lines(unsigned per_second);

/// "{*.key,.ht*}" or one pattern; nothing for what wildcards of ours cannot say.
[[nodiscard]] std::optional<std::vector<std::string>> vsftpd_patterns(std::string_view text);

}  // namespace sallyport::imports
