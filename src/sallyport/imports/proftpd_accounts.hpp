#pragma once
// The accounts of ProFTPD: users of AuthUserFile with their groups and homes, and what the sections <Directory> and <Limit>
// permit them. A value of its importer, which owns the source and outlives it; one thread.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_file.hpp>
#include <sallyport/imports/import_report.hpp>
#include <sallyport/imports/proftpd_limits.hpp>
#include <sallyport/imports/proftpd_source.hpp>

namespace sallyport::imports {

/// What ProFTPD reads of the system for its own users, too.
struct proftpd_system {
    // /etc/shells; without it, all shells but nologin and false are valid.
    std::optional<file_names> shells{};
    // /etc/ftpusers.
    file_names refused{};
};

class proftpd_accounts {
public:
    /// `users`: lines of ftpasswd, or of /etc/shadow; `groups`: of AuthGroupFile.
    proftpd_accounts(proftpd_source& source, std::string users, std::string_view groups, proftpd_system system);

    /// Where the source has no file of users: the line that lets PAM check those of the system, if they all have the same
    /// rights. Before default_settings().
    [[nodiscard]] std::string system_users();
    /// Lines of [default].
    [[nodiscard]] result<std::string> default_settings();
    /// The sections [user.NAME]; an error has the number of the line in the file of users.
    [[nodiscard]] result<account_sections_text> sections();
    /// The section [anonymous]; empty if there is none.
    [[nodiscard]] result<std::string> anonymous();
    /// What has become of the sections and directives on rights. The last call.
    void note_rights();

private:
    struct known_user : proftpd_user {
        // Of a line that has one.
        std::optional<std::string> shell{};
        bool has_home = false;
    };
    // A section <Directory> as seen from the root of an account.
    struct directory_rule {
        const proftpd_section* section = nullptr;
        // From the root of the account; empty: the root itself is in it.
        std::string path{};
        std::size_t depth = 0;
        bool has_wildcard = false;
    };

    [[nodiscard]] const proftpd_section& server() const noexcept { return source_.server(); }
    void read_users(std::string_view groups);
    [[nodiscard]] std::string root_of(const proftpd_user& user) const;
    /// The homes of the users of the system, by DefaultRoot.
    [[nodiscard]] std::string system_homes();
    [[nodiscard]] std::string lines_with_roots() const;
    [[nodiscard]] account_addition addition_for(const std::string& name);
    [[nodiscard]] std::vector<directory_rule> rules_for(const proftpd_scopes& outer, const proftpd_user& user) const;
    /// rights_of() for what is written.
    [[nodiscard]] std::vector<std::string> granted(const proftpd_scopes& scopes, const proftpd_user& user);
    /// The keys rights and paths, the latter as a section of its own below `section`. Rights that are `usual` are not
    /// written.
    [[nodiscard]] std::string rights_lines(const proftpd_scopes& outer, const proftpd_user& user, std::string_view section,
                                           const std::vector<std::string>* usual);
    /// allow-from and refuse-from.
    [[nodiscard]] std::string networks_lines(const proftpd_section& scope, bool always);
    [[nodiscard]] const proftpd_section* public_section() const;
    void note_public(const proftpd_section& section);
    void note_files();
    void note_limit(const proftpd_section& limit);
    void note_directory(const proftpd_section& directory, bool is_public);

    [[nodiscard]] bool is_valid_shell(const std::string& shell) const;

    proftpd_source& source_;
    std::string users_file_;
    proftpd_system system_;
    std::map<std::string, known_user, std::less<>> users_;
    std::vector<std::string> default_rights_;
    // PAM checks users of the system.
    bool has_pam_ = false;
    // An account has the right overwrite somewhere.
    bool may_overwrite_ = false;
    // Sections <Directory> that have become rights or paths, and those that restrict an account and could not be written.
    std::set<const proftpd_section*> written_;
    std::set<const proftpd_section*> lost_;
};

}  // namespace sallyport::imports
