#include <sallyport/imports/vsftpd_import.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sallyport/imports/vsftpd_values.hpp>
#include <sallyport/proto/command_policy.hpp>

namespace sallyport::imports {
namespace {

using outcome = import_outcome;

class importer {
public:
    explicit importer(const import_sources& sources) : sources_(sources) {}

    result<import_result> run(const import_file& file, std::string_view users) {
        if (auto read = values_.read(file, out_.settings); !read) return std::unexpected(std::move(read.error()));
        for (auto& replaced : out_.settings) replaced.file.clear();
        listening();
        tls();
        limits();
        names();
        read_user_list();
        anonymous();
        has_pam_ = users.empty() && yes("local_enable") && !yes("guest_enable");
        local_users();
        if (has_pam_) system_users();
        std::vector<imported_setting> of_users;
        if (auto read = read_user_files(of_users); !read) return std::unexpected(std::move(read.error()));
        const auto refused = names_in_file(sources_.read, "/etc/ftpusers").value_or(file_names());
        auto sections = make_account_sections(users, [&](const std::string& name, std::string_view) -> account_addition {
            if (name == "root" || refused.contains(name))
                return {.left_out = "PAM refuses it at vsftpd as well (/etc/ftpusers)"};
            if (is_refused(name)) return {.left_out = "the list userlist_file refuses it"};
            return {.settings = user_lines_.contains(name) ? user_lines_[name] : ""};
        });
        if (!sections) return fail(errc::usage, "--users, " + sections.error().what);
        others();
        std::ranges::stable_sort(out_.settings, {}, &imported_setting::line);
        std::ranges::move(of_users, std::back_inserter(out_.settings));
        if (has_pam_) sections->toml = system_sections() + sections->toml;
        out_.complete({.top = top_, .usual = default_, .anonymous = anonymous_}, std::move(*sections));
        return std::move(out_);
    }

private:
    /// What has no rule of its own, or is empty.
    void others() {
        for (const auto& [key, given] : values_.given()) {
            if (std::ranges::find(out_.settings, given.line, &imported_setting::line) != out_.settings.end()) continue;
            const auto& row = *find_setting(key);
            const bool is_empty = given.value == "NO" || given.value.empty();
            if (row.text.empty())
                note(key, outcome::dropped, "without effect");
            else
                note(key, row.outcome == outcome::less_safe && is_empty ? outcome::nearest : row.outcome, row.text);
        }
    }

    [[nodiscard]] std::string value(std::string_view key) const { return values_.value(key); }
    [[nodiscard]] bool yes(std::string_view key) const { return values_.yes(key); }
    [[nodiscard]] unsigned count(std::string_view key) const { return values_.count(key); }
    [[nodiscard]] bool is_given(std::string_view key) const { return values_.given().contains(key); }

    void note(std::string_view key, outcome what, std::string_view text) {
        const auto found = values_.given().find(key);
        out_.settings.push_back({found == values_.given().end() ? 0 : found->second.line, std::string(key), value(key), what,
                                 std::string(text)});
    }
    /// Only if the source has it.
    void note_if_given(std::string_view key, outcome what, std::string_view text) {
        if (is_given(key)) note(key, what, text);
    }

    void listening() {
        const bool both = yes("listen_ipv6");
        const std::string given = value(both ? "listen_address6" : "listen_address");
        std::string at = given.empty() ? (both ? "[::]" : "0.0.0.0") : given;
        if (at.contains(':') && !at.starts_with('[')) at = "[" + at + "]";
        const bool implicit = yes("implicit_ssl");
        const auto line =
            fmt::format("{} = [{}]", implicit ? "listen-tls" : "listen", toml_text(at + ":" + value("listen_port")));
        top_ += line + "\n";
        for (const char* const key : {"listen_port", "listen_ipv6"}) note(key, outcome::taken, line);
        for (const char* const key : {"listen_address", "listen_address6", "implicit_ssl"})
            note_if_given(key, outcome::taken, line);
        texts();
        if (const auto text = value("pasv_address"); !text.empty())
            top(fmt::format("external-address = [{}]", toml_text(text)), {"pasv_address"});
        const auto first = count("pasv_min_port");
        const auto last = count("pasv_max_port");
        if (first > 0 && last >= first)
            top(fmt::format("passive-ports = \"{}-{}\"", first, last), {"pasv_min_port", "pasv_max_port"});
        else
            for (const char* const key : {"pasv_min_port", "pasv_max_port"})
                note_if_given(key, outcome::nearest, "any free port; set passive-ports, so that a firewall can be narrow");
        flag("pasv_enable", !yes("pasv_enable"), "no-passive = true");
        flag("port_enable", !yes("port_enable"), "no-active = true");
    }

    void texts() {
        if (const auto file = value("banner_file"); !file.empty()) {
            top(fmt::format("banner-file = {}", toml_text(file)), {"banner_file"});
            note_if_given("ftpd_banner", outcome::dropped, "banner_file takes its place, as in vsftpd");
        } else if (const auto text = value("ftpd_banner"); !text.empty()) {
            top(fmt::format("greeting = {}", toml_text(text)), {"ftpd_banner"});
        }
        const auto name = value("message_file");
        const bool shown = yes("dirmessage_enable") && !name.empty() && name.find('/') == std::string::npos;
        const auto line = fmt::format("message-file = {}", toml_text(name));
        if (shown) top_ += line + "\n";
        for (const char* const key : {"dirmessage_enable", "message_file"}) {
            if (shown || !yes("dirmessage_enable"))
                note_if_given(key, outcome::taken, shown ? line : "CWD shows no texts");
            else
                note_if_given(key, outcome::dropped, "message-file needs a name without '/'");
        }
    }

    void tls() {
        const bool on = yes("ssl_enable");
        note_if_given("ssl_enable", outcome::taken, on ? "tls-cert" : "no certificate");
        for (const char* const key :
             {"rsa_cert_file", "rsa_private_key_file", "require_ssl_reuse", "ca_certs_file", "require_cert"})
            if (!on) note_if_given(key, outcome::dropped, "ssl_enable is NO");
        for (const char* const key :
             {"force_local_logins_ssl", "force_local_data_ssl", "force_anon_logins_ssl", "force_anon_data_ssl"})
            if (!on) note_if_given(key, outcome::dropped, "ssl_enable is NO");
        if (!on) return;
        top(fmt::format("tls-cert = [{}]", toml_text(value("rsa_cert_file"))), {"rsa_cert_file"});
        if (const auto key = value("rsa_private_key_file"); !key.empty())
            top(fmt::format("tls-key = [{}]", toml_text(key)), {"rsa_private_key_file"});
        top(fmt::format("tls-reuse = \"{}\"", yes("require_ssl_reuse") ? "require" : "prefer"), {"require_ssl_reuse"});
        if (const auto file = value("ca_certs_file"); !file.empty()) {
            top(fmt::format("client-ca = {}", toml_text(file)), {"ca_certs_file"});
            flag("require_cert", yes("require_cert"), "client-cert = \"require\"");
        } else if (yes("require_cert")) {
            note("require_cert", outcome::less_safe, "needs ca_certs_file; certificates of clients are not asked for");
        }
        const bool logins = yes("force_local_logins_ssl");
        const bool data = yes("force_local_data_ssl");
        if (logins || data) top_ += "tls-required = true\n";
        for (const char* const key : {"force_local_logins_ssl", "force_local_data_ssl"})
            note(key, logins == data ? outcome::taken : outcome::nearest,
                 logins || data ? "tls-required = true, for both connections" : "TLS is optional");
    }

    void limits() {
        top(fmt::format("max-sessions = {}", count("max_clients")), {"max_clients"});
        top(fmt::format("max-sessions-per-address = {}", count("max_per_ip")), {"max_per_ip"});
        top(fmt::format("idle-timeout = {}", count("idle_session_timeout")), {"idle_session_timeout"});
        top(fmt::format("stall-timeout = {}", count("data_connection_timeout")), {"data_connection_timeout"});
        top(fmt::format("data-timeout = {}", std::max(1U, count("accept_timeout"))), {"accept_timeout"});
    }

    void names() {
        for (const auto& [theirs, ours] : {std::pair("deny_file", "deny"), std::pair("hide_file", "hide")}) {
            const auto text = value(theirs);
            if (text.empty()) continue;
            const auto patterns = vsftpd_patterns(text);
            if (!patterns) {
                note(theirs, outcome::less_safe,
                     fmt::format("braces within a pattern, and '/', are not supported; write {} by hand", ours));
                continue;
            }
            const auto line = fmt::format("{} = {}", ours, toml_list(*patterns));
            note(theirs, outcome::taken,
                 line + (std::string_view(ours) == "hide" ? ", and they cannot be used either" : ""));
        }
        if (yes("hide_ids")) note("hide_ids", outcome::taken, "hide-ids = true");
    }

    /// The names of userlist_file, one on each line.
    void read_user_list() {
        if (!yes("userlist_enable")) return;
        const auto line = yes("userlist_deny") ? "its users cannot log in" : "only its users can log in";
        const auto text = sources_.read(value("userlist_file"));
        for (const char* const key : {"userlist_enable", "userlist_deny", "userlist_file"})
            if (text)
                note_if_given(key, outcome::taken, line);
            else
                note_if_given(key, outcome::less_safe,
                              text.error().text() + "; import with the list, or write what it says by hand");
        if (!text) return;
        user_list_ = names_in(*text);
    }

    [[nodiscard]] bool is_refused(const std::string& name) const {
        return user_list_ && user_list_->contains(name) == yes("userlist_deny");
    }

    /// What checked their passwords before does so now.
    void system_users() {
        const auto line = fmt::format("pam = {}", toml_text(value("pam_service_name")));
        top_ += line + "\n";
        note("pam_service_name", outcome::nearest, import_texts::with_pam(line));
        if (user_list_ && !yes("userlist_deny")) top_ += "pam-users = \"listed\"\n";
    }

    /// Sections of users of the system: of those that the list names, and of those with a file of their own.
    [[nodiscard]] std::string system_sections() const {
        auto sections = user_lines_;
        if (user_list_)
            for (const auto& name : *user_list_) sections[name] += yes("userlist_deny") ? "expires = 1970-01-01\n" : "";
        std::string out;
        for (const auto& [name, lines] : sections)
            if (yes("userlist_deny") || !is_refused(name)) out += fmt::format("\n[user.{}]\n{}", toml_text(name), lines);
        return out;
    }

    /// The files of user_config_dir, one for each user: what they say differently counts in the section of the user.
    result<void> read_user_files(std::vector<imported_setting>& notes) {
        const auto folder = value("user_config_dir");
        if (folder.empty()) return {};
        const auto files = sources_.include(folder);
        if (!files) {
            note("user_config_dir", outcome::less_safe,
                 files.error().text() + "; import with these files, or write what they say into the sections of the users");
            return {};
        }
        note("user_config_dir", outcome::taken, "the sections of the users that its files name");
        for (const auto& file : *files) {
            vsftpd_values own = values_;
            if (auto read = own.read(file, notes); !read) return read;
            user_lines_[file.path.substr(file.path.rfind('/') + 1)] = values_.changed_lines(own);
            for (const auto& [key, given] : own.given())
                if (given.file == file.path) notes.push_back(user_note(own, key, given));
        }
        std::ranges::stable_sort(notes, {}, [](const imported_setting& s) { return std::tuple(s.file, s.line); });
        return {};
    }

    /// The commands of a list that vsftpd refuses, and that the rights permit.
    static std::vector<std::string> open_commands(const vsftpd_values& of, std::string_view key) {
        auto open = of.open_commands(key, of.rights(of.has_virtual_users()));
        if (of.yes("anonymous_enable")) std::ranges::move(of.open_commands(key, of.rights(true)), std::back_inserter(open));
        std::ranges::sort(open);
        open.erase(std::ranges::unique(open).begin(), open.end());
        return open;
    }

    /// What the rights permit is refused to all accounts. What the server does not know, or needs for each login, it has in
    /// no such list.
    void commands() {
        std::vector<std::string> refused;
        for (const char* const key : {"cmds_allowed", "cmds_denied"}) {
            if (value(key).empty()) continue;
            bool has_more = false;
            for (auto& command : open_commands(values_, key)) {
                if (!proto::command_policy::make({}, {command}, false)) continue;
                has_more = true;
                if (std::ranges::find(refused, command) == refused.end()) refused.push_back(std::move(command));
            }
            note(key, outcome::nearest, has_more ? "the rights, and refuse-commands" : "the rights");
        }
        if (!refused.empty()) top_ += fmt::format("refuse-commands = {}\n", toml_list(refused));
    }

    /// What has become of a line that counts for one user.
    static imported_setting user_note(const vsftpd_values& own, const std::string& key,
                                      const vsftpd_values::given_value& given) {
        static constexpr auto taken = std::to_array<std::string_view>(
            {"anon_max_rate", "anon_mkdir_write_enable", "anon_other_write_enable", "anon_umask", "anon_upload_enable",
             "deny_file", "dirlist_enable", "download_enable", "file_open_mode", "guest_enable", "hide_file", "hide_ids",
             "local_max_rate", "local_root", "local_umask", "user_sub_token", "virtual_use_local_privs", "write_enable"});
        imported_setting out{given.line, key, given.value, outcome::nearest, "it counts for all accounts", given.file};
        const auto& row = *find_setting(key);
        const bool is_pattern = key == "deny_file" || key == "hide_file";
        const bool is_empty = given.value == "NO" || given.value.empty();
        if (std::ranges::find(taken, key) != taken.end()) {
            const bool is_whole = !is_pattern || vsftpd_patterns(given.value);
            out.outcome = is_whole ? outcome::taken : outcome::less_safe;
            out.text = is_whole ? "the section of this user"
                                : "braces within a pattern, and '/', are not supported; write it by hand";
        } else if (key.starts_with("cmds_") && !is_empty) {
            const auto open = open_commands(own, key);
            out.outcome = open.empty() ? outcome::nearest : outcome::less_safe;
            out.text = open.empty() ? "the rights"
                                    : fmt::format("{} cannot be refused to one user; check the rights", open.front());
        } else if (key == "chmod_enable") {
            out.outcome = own.yes("write_enable") && is_empty ? outcome::less_safe : outcome::nearest;
            out.text = import_texts::chmod;
        } else if (!row.text.empty()) {
            out.outcome = row.outcome == outcome::less_safe && is_empty ? outcome::nearest : row.outcome;
            out.text = row.text;
        }
        return out;
    }

    void anonymous() {
        const bool on = yes("anonymous_enable") && !(is_refused("anonymous") && is_refused("ftp"));
        note("anonymous_enable", outcome::taken,
             on                        ? "[anonymous]"
             : yes("anonymous_enable") ? "no section [anonymous]: the list userlist_file refuses it"
                                       : "no section [anonymous]");
        const auto access = toml_list(values_.rights(true));
        const auto keys = {"anon_upload_enable",
                           "anon_mkdir_write_enable",
                           "anon_other_write_enable",
                           "anon_world_readable_only",
                           "anon_umask",
                           "anon_max_rate",
                           "anon_root"};
        if (!on && !values_.has_virtual_users()) {
            for (const char* const key : keys) note_if_given(key, outcome::dropped, "anonymous users cannot log in");
            return;
        }
        if (!on) {
            for (const char* const key : keys) note_if_given(key, outcome::taken, "for the virtual users, see guest_enable");
            return;
        }
        anonymous_ = "[anonymous]\nrights = " + access + "\n";
        for (const char* const key : {"anon_upload_enable", "anon_mkdir_write_enable", "anon_other_write_enable"})
            note(key, outcome::taken, "[anonymous] rights = " + access);
        flag_in(anonymous_, "anon_world_readable_only",
                fmt::format("world-readable-only = {}", yes("anon_world_readable_only")));
        // Anonymous users can enter only what everybody may enter.
        const auto umask = values_.mask("anon_umask");
        anonymous_ +=
            mode_lines(umask, umask, values_.mask("file_open_mode"), yes("anon_world_readable_only") ? 0755 : 0700);
        anonymous_ += rate_lines(count("anon_max_rate"));
        note("anon_umask", outcome::nearest, "file-mode of [anonymous]; its directories have to be open to others");
        note_if_given("anon_max_rate", outcome::taken, "upload-rate and download-rate of [anonymous]");
        if (const auto root = value("anon_root"); !root.empty())
            flag_in(anonymous_, "anon_root", fmt::format("home = {}", toml_text(root)));
        else
            note("anon_root", outcome::nearest, "the home of ftp_username in vsftpd, DIR here");
        const bool needs_tls = yes("ssl_enable") && (yes("force_anon_logins_ssl") || yes("force_anon_data_ssl"));
        if (needs_tls) anonymous_ += "tls-required = true\n";
        if (yes("ssl_enable"))
            for (const char* const key : {"force_anon_logins_ssl", "force_anon_data_ssl"})
                note_if_given(key, outcome::taken, needs_tls ? "[anonymous] tls-required = true" : "TLS is optional");
    }

    void local_users() {
        constexpr std::string_view virtual_users = "virtual users need a section [user.NAME] each, see --users";
        const bool on = yes("local_enable") || yes("guest_enable");
        default_ = values_.account_lines();
        const auto access = toml_list(values_.rights(values_.has_virtual_users()));
        for (const char* const key : {"write_enable", "dirlist_enable", "download_enable"})
            note(key, outcome::taken, fmt::format("rights = {}", access));
        note("local_enable", on ? outcome::nearest : outcome::taken,
             has_pam_              ? "see pam_service_name"
             : yes("guest_enable") ? virtual_users
             : on                  ? import_texts::system_users
                                   : "no user has a section");
        if (yes("guest_enable")) note_if_given("pam_service_name", outcome::nearest, virtual_users);
        note_if_given("guest_enable", outcome::nearest, "each account is virtual: all use the identity of the process");
        note_if_given("virtual_use_local_privs", outcome::taken, "rights = " + access);
        if (on || is_given("local_umask")) note("local_umask", outcome::taken, "file-mode and directory-mode of [default]");
        note_if_given("file_open_mode", outcome::taken, "file-mode");
        commands();
        const bool keeps = yes("write_enable") && !yes("delete_failed_uploads");
        if (keeps) top_ += "partial-uploads = \"keep\"\n";
        note_if_given("delete_failed_uploads", keeps ? outcome::nearest : outcome::taken,
                      keeps ? "partial-uploads = \"keep\": the part is NAME.partial until it is complete" : "as by default");
        const bool refuses_chmod = yes("write_enable") && !yes("chmod_enable");
        note_if_given("chmod_enable", refuses_chmod ? outcome::less_safe : outcome::nearest, import_texts::chmod);
        note_if_given("local_max_rate", outcome::taken, "upload-rate and download-rate of [default]");
        std::string root = value("local_root");
        if (const auto token = value("user_sub_token"); !token.empty())
            root = with_replaced(std::move(root), token, "{user}");
        note_if_given("user_sub_token", outcome::taken, "{user}");
        if (!root.empty()) {
            const bool is_shared = has_pam_ && yes("write_enable") && !root.contains("{user}");
            note("local_root", is_shared ? outcome::less_safe : outcome::taken,
                 is_shared ? std::string(import_texts::shared_home) : fmt::format("home = {}", toml_text(root)));
        } else if (has_pam_) {
            default_ += "home = \"~\"\n";
            note("local_root", outcome::nearest, import_texts::system_homes);
        } else if (on) {
            note("local_root", outcome::less_safe,
                 "homes of /etc/passwd are not read, so all users would share DIR; set home");
        }
    }

    void top(const std::string& line, std::initializer_list<const char*> keys) {
        top_ += line + "\n";
        for (const char* const key : keys) note(key, outcome::taken, line);
    }
    void flag(const char* key, bool is, const std::string& line) {
        if (is) top_ += line + "\n";
        note_if_given(key, outcome::taken, is ? line : "as by default");
    }
    void flag_in(std::string& section, const char* key, const std::string& line) {
        section += line + "\n";
        note(key, outcome::taken, line);
    }

    const import_sources& sources_;
    vsftpd_values values_;
    // The names of userlist_file, if it counts.
    std::optional<file_names> user_list_;
    // PAM checks the users of the system.
    bool has_pam_ = false;
    // What single users have instead of [default].
    std::map<std::string, std::string> user_lines_;
    import_result out_;
    std::string top_;
    std::string default_;
    std::string anonymous_;
};

}  // namespace

result<import_result> import_vsftpd(const import_file& file, std::string_view users, const import_sources& sources) {
    return importer(sources).run(file, users);
}

}  // namespace sallyport::imports
