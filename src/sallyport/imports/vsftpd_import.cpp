#include <sallyport/imports/vsftpd_import.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/imports/vsftpd_settings.hpp>

namespace sallyport::imports {
namespace {

using outcome = import_outcome;

std::unexpected<error> refuse(std::size_t line, std::string_view what) {
    return fail(errc::usage, fmt::format("line {}: {}", line, what));
}

const vsftpd_setting* find_setting(std::string_view key) {
    const auto* const found = std::ranges::find(vsftpd_settings, key, &vsftpd_setting::key);
    return found == vsftpd_settings.end() ? nullptr : found;
}

/// "{*.key,.ht*}" or one pattern. In vsftpd, only '*', '?' and braces are special.
std::optional<std::vector<std::string>> patterns_of(std::string_view text) {
    if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
    if (text.find_first_of("{}/") != std::string_view::npos) return std::nullopt;
    std::vector<std::string> out(1);
    for (const char c : text) {
        if (c == ',')
            out.emplace_back();
        else if (c == '[')
            out.back() += "[[]";
        else
            out.back() += c;
    }
    std::erase(out, "");
    return out;
}

class importer {
public:
    explicit importer(const import_file_reader& read) : read_(read) {}

    result<import_result> run(std::string_view text, std::string_view users) {
        if (auto read = read_settings(text); !read) return std::unexpected(read.error());
        if (auto good = check_numbers(); !good) return std::unexpected(good.error());
        listening();
        tls();
        limits();
        names();
        read_user_list();
        anonymous();
        has_pam_ = users.empty() && yes("local_enable") && !yes("guest_enable");
        local_users();
        if (has_pam_) system_users();
        const auto refused = names_in_file(read_, "/etc/ftpusers").value_or(file_names());
        auto sections = make_account_sections(users, [&](const std::string& name, std::string_view) -> account_addition {
            if (name == "root" || refused.contains(name))
                return {.left_out = "PAM refuses it at vsftpd as well (/etc/ftpusers)"};
            return {.left_out = is_refused(name) ? "the list userlist_file refuses it" : ""};
        });
        if (!sections) return fail(errc::usage, "--users, " + sections.error().what);
        others();
        std::ranges::stable_sort(out_.settings, {}, &imported_setting::line);
        sections->toml = listed_ + sections->toml;
        out_.complete({.top = top_, .usual = default_, .anonymous = anonymous_}, std::move(*sections));
        return std::move(out_);
    }

private:
    /// What has no rule of its own, or is empty.
    void others() {
        for (const auto& [key, given] : given_) {
            if (std::ranges::find(out_.settings, given.line, &imported_setting::line) != out_.settings.end()) continue;
            const auto& row = *find_setting(key);
            const bool is_empty = given.value == "NO" || given.value.empty();
            if (row.text.empty())
                note(key, outcome::dropped, "without effect");
            else
                note(key, row.outcome == outcome::less_safe && is_empty ? outcome::nearest : row.outcome, row.text);
        }
    }

    struct given_value {
        std::string value;
        std::size_t line = 0;
    };

    result<void> read_settings(std::string_view text) {
        for (std::size_t line = 1; !text.empty(); ++line) {
            std::string_view row = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(text.size(), row.size() + 1));
            while (!row.empty() && (row.back() == '\r' || row.back() == ' ' || row.back() == '\t')) row.remove_suffix(1);
            if (row.empty() || row.front() == '#') continue;
            const auto equals = row.find('=');
            if (equals == std::string_view::npos)
                return refuse(line, fmt::format("'{}' has no '='; vsftpd refuses it too", escape(row, 100)));
            const std::string key(row.substr(0, equals));
            const auto* const known = find_setting(key);
            if (known == nullptr) {
                std::vector<std::string> keys;
                for (const auto& s : vsftpd_settings) keys.emplace_back(s.key);
                return refuse(line, fmt::format("unknown setting '{}'{}", escape(key, 100),
                                                did_you_mean(key, keys, "see vsftpd.conf(5)")));
            }
            std::string value(row.substr(equals + 1));
            if (std::ranges::any_of(value, is_control)) return refuse(line, "control characters in a value; remove them");
            if (known->value == "YES" || known->value == "NO") {
                std::ranges::transform(value, value.begin(), [](char c) { return to_upper(c); });
                const bool yes = value == "YES" || value == "TRUE" || value == "1";
                if (!yes && value != "NO" && value != "FALSE" && value != "0")
                    return refuse(line, fmt::format("{} needs YES or NO", key));
                value = yes ? "YES" : "NO";
            }
            // As in vsftpd, the last one counts.
            if (const auto before = given_.find(key); before != given_.end())
                out_.settings.push_back({before->second.line, key, before->second.value, outcome::dropped,
                                         fmt::format("line {} replaces it, as in vsftpd", line)});
            given_.insert_or_assign(key, given_value{std::move(value), line});
        }
        return {};
    }

    result<void> check_numbers() {
        for (const char* const key :
             {"listen_port", "pasv_min_port", "pasv_max_port", "max_clients", "max_per_ip", "anon_max_rate",
              "local_max_rate", "idle_session_timeout", "data_connection_timeout", "accept_timeout"})
            if (!number(key, 10)) return refuse(given_.at(key).line, fmt::format("{} needs a number", key));
        for (const char* const key : {"anon_umask", "local_umask", "file_open_mode"})
            if (!number(key, 8)) return refuse(given_.at(key).line, fmt::format("{} needs an octal number", key));
        return {};
    }

    [[nodiscard]] std::string value(std::string_view key) const {
        const auto found = given_.find(std::string(key));
        return found == given_.end() ? std::string(find_setting(key)->value) : found->second.value;
    }
    [[nodiscard]] bool yes(std::string_view key) const { return value(key) == "YES"; }
    [[nodiscard]] std::optional<unsigned> number(std::string_view key, int base) const {
        const std::string text = value(key);
        unsigned out = 0;
        const auto* const end = text.data() + text.size();
        const auto done = std::from_chars(text.data(), end, out, base);
        if (text.empty() || done.ec != std::errc() || done.ptr != end) return std::nullopt;
        return out;
    }
    [[nodiscard]] unsigned count(std::string_view key) const { return number(key, 10).value_or(0); }

    void note(std::string_view key, outcome what, std::string_view text) {
        const auto found = given_.find(std::string(key));
        out_.settings.push_back(
            {found == given_.end() ? 0 : found->second.line, std::string(key), value(key), what, std::string(text)});
    }
    /// Only if the source has it.
    void note_if_given(std::string_view key, outcome what, std::string_view text) {
        if (given_.contains(std::string(key))) note(key, what, text);
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
            const auto patterns = patterns_of(text);
            if (!patterns) {
                note(theirs, outcome::less_safe,
                     fmt::format("braces within a pattern, and '/', are not supported; write {} by hand", ours));
                continue;
            }
            const auto line = fmt::format("{} = {}", ours, toml_list(*patterns));
            default_ += line + "\n";
            note(theirs, outcome::taken,
                 line + (std::string_view(ours) == "hide" ? ", and they cannot be used either" : ""));
        }
        if (!yes("hide_ids")) return;
        default_ += "hide-ids = true\n";
        note("hide_ids", outcome::taken, "hide-ids = true");
    }

    /// The rights of anonymous users, or of others with the same privileges.
    [[nodiscard]] std::vector<std::string> rights(bool like_anonymous) const {
        std::vector<std::string> out;
        const auto add_if = [&](bool is, std::initializer_list<const char*> names) {
            if (is) out.insert(out.end(), names.begin(), names.end());
        };
        const bool write = yes("write_enable");
        add_if(yes("dirlist_enable"), {"list"});
        add_if(yes("download_enable"), {"read"});
        if (!like_anonymous) {
            add_if(write, {"write", "append", "delete", "rename", "mkdir", "overwrite"});
            return out;
        }
        add_if(write && yes("anon_upload_enable"), {"write"});
        add_if(write && yes("anon_mkdir_write_enable"), {"mkdir"});
        add_if(write && yes("anon_other_write_enable"), {"append", "delete", "rename", "overwrite"});
        return out;
    }

    [[nodiscard]] std::string modes(std::string_view umask_key, unsigned of_directories = 0700) const {
        const unsigned mask = number(umask_key, 8).value_or(0);
        return mode_lines(mask, mask, number("file_open_mode", 8).value_or(0), of_directories);
    }

    static std::string rates(unsigned per_second) {
        return per_second == 0 ? std::string()
                               : fmt::format("upload-rate = {}\ndownload-rate = {}\n", per_second, per_second);
    }

    /// The names of userlist_file, one on each line.
    void read_user_list() {
        if (!yes("userlist_enable")) return;
        const auto line = yes("userlist_deny") ? "its users cannot log in" : "only its users can log in";
        const auto text = read_(value("userlist_file"));
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
        if (!user_list_) return;
        const bool denies = yes("userlist_deny");
        if (!denies) top_ += "pam-users = \"listed\"\n";
        for (const auto& name : *user_list_)
            listed_ += fmt::format("\n[user.{}]\n{}", toml_text(name), denies ? "expires = 1970-01-01\n" : "");
    }

    void anonymous() {
        const bool on = yes("anonymous_enable") && !(is_refused("anonymous") && is_refused("ftp"));
        note("anonymous_enable", outcome::taken,
             on                        ? "[anonymous]"
             : yes("anonymous_enable") ? "no section [anonymous]: the list userlist_file refuses it"
                                       : "no section [anonymous]");
        const auto access = toml_list(rights(true));
        const auto keys = {"anon_upload_enable",
                           "anon_mkdir_write_enable",
                           "anon_other_write_enable",
                           "anon_world_readable_only",
                           "anon_umask",
                           "anon_max_rate",
                           "anon_root"};
        if (!on && !has_virtual_users()) {
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
        anonymous_ += modes("anon_umask", yes("anon_world_readable_only") ? 0755 : 0700) + rates(count("anon_max_rate"));
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

    [[nodiscard]] bool has_virtual_users() const { return yes("guest_enable") && !yes("virtual_use_local_privs"); }

    void local_users() {
        constexpr std::string_view virtual_users = "virtual users need a section [user.NAME] each, see --users";
        const bool on = yes("local_enable") || yes("guest_enable");
        const auto access = toml_list(rights(has_virtual_users()));
        default_ += "rights = " + access + "\n";
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
        const auto* const umask = has_virtual_users() ? "anon_umask" : "local_umask";
        default_ += modes(umask) + rates(count(has_virtual_users() ? "anon_max_rate" : "local_max_rate"));
        if (on || given_.contains("local_umask"))
            note("local_umask", outcome::taken, "file-mode and directory-mode of [default]");
        note_if_given("file_open_mode", outcome::taken, "file-mode");
        const bool refuses_chmod = yes("write_enable") && !yes("chmod_enable");
        note_if_given("chmod_enable", refuses_chmod ? outcome::less_safe : outcome::nearest, import_texts::chmod);
        note_if_given("local_max_rate", outcome::taken, "upload-rate and download-rate of [default]");
        std::string root = value("local_root");
        if (const auto token = value("user_sub_token"); !token.empty())
            root = with_replaced(std::move(root), token, "{user}");
        note_if_given("user_sub_token", outcome::taken, "{user}");
        if (!root.empty()) {
            default_ += fmt::format("home = {}\n", toml_text(root));
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

    const import_file_reader& read_;
    std::map<std::string, given_value> given_;
    // The names of userlist_file, if it counts.
    std::optional<file_names> user_list_;
    // PAM checks the users of the system.
    bool has_pam_ = false;
    // The sections of the users of the system that the list names.
    std::string listed_;
    import_result out_;
    std::string top_;
    std::string default_;
    std::string anonymous_;
};

}  // namespace

result<import_result> import_vsftpd(std::string_view text, std::string_view users, const import_file_reader& read) {
    return importer(read).run(text, users);
}

}  // namespace sallyport::imports
