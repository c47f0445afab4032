#include <sallyport/imports/vsftpd_values.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::imports {
namespace {

std::unexpected<error> refuse(const std::string& file, std::size_t line, std::string_view what) {
    return fail(errc::usage, fmt::format("{}, line {}: {}", file, line, what));
}

std::map<std::string, std::string> by_key(std::string_view lines) {
    std::map<std::string, std::string> out;
    while (!lines.empty()) {
        const auto line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(lines.size(), line.size() + 1));
        out.emplace(line.substr(0, line.find(" = ")), line);
    }
    return out;
}

/// What a right permits.
struct right_command {
    std::string_view right;
    std::string_view command;
    // Without the command, the account does not get the right. The others are variants of such a command.
    bool decides = true;
};

constexpr auto right_commands = std::to_array<right_command>({
    {"list", "LIST"},
    {"list", "NLST", false},
    {"list", "STAT", false},
    {"read", "RETR"},
    {"write", "STOR"},
    {"write", "STOU", false},
    {"append", "APPE"},
    {"delete", "DELE"},
    {"delete", "RMD"},
    {"delete", "XRMD", false},
    {"rename", "RNFR"},
    {"rename", "RNTO"},
    {"mkdir", "MKD"},
    {"mkdir", "XMKD", false},
    {"overwrite", "STOR"},
    {"overwrite", "SITE", false},
});

std::vector<std::string> commands_in(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
        const auto one = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), one.size() + 1));
        if (!one.empty()) out.push_back(to_upper(one));
    }
    return out;
}

bool has(const std::vector<std::string>& all, std::string_view one) { return std::ranges::find(all, one) != all.end(); }

/// What means that the key is not set.
std::string_view unset(std::string_view key) {
    if (key == "deny" || key == "hide") return "[]";
    return key == "hide-ids" ? "false" : "0";
}

}  // namespace

const vsftpd_setting* find_setting(std::string_view key) {
    const auto* const found = std::ranges::find(vsftpd_settings, key, &vsftpd_setting::key);
    return found == vsftpd_settings.end() ? nullptr : found;
}

std::optional<std::vector<std::string>> vsftpd_patterns(std::string_view text) {
    // In vsftpd, only '*', '?' and braces are special.
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

std::string rate_lines(unsigned per_second) {
    return per_second == 0 ? std::string() : fmt::format("upload-rate = {}\ndownload-rate = {}\n", per_second, per_second);
}

result<void> vsftpd_values::read(const import_file& file, std::vector<imported_setting>& replaced) {
    std::string_view text = file.text;
    for (std::size_t line = 1; !text.empty(); ++line) {
        std::string_view row = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), row.size() + 1));
        while (!row.empty() && (row.back() == '\r' || row.back() == ' ' || row.back() == '\t')) row.remove_suffix(1);
        if (row.empty() || row.front() == '#') continue;
        const auto equals = row.find('=');
        if (equals == std::string_view::npos)
            return refuse(file.path, line, fmt::format("'{}' has no '='; vsftpd refuses it too", escape(row, 100)));
        const std::string key(row.substr(0, equals));
        const auto* const known = find_setting(key);
        if (known == nullptr) {
            std::vector<std::string> keys;
            for (const auto& s : vsftpd_settings) keys.emplace_back(s.key);
            return refuse(
                file.path, line,
                fmt::format("unknown setting '{}'{}", escape(key, 100), did_you_mean(key, keys, "see vsftpd.conf(5)")));
        }
        std::string value(row.substr(equals + 1));
        if (std::ranges::any_of(value, is_control))
            return refuse(file.path, line, "control characters in a value; remove them");
        if (known->value == "YES" || known->value == "NO") {
            std::ranges::transform(value, value.begin(), [](char c) { return to_upper(c); });
            const bool yes = value == "YES" || value == "TRUE" || value == "1";
            if (!yes && value != "NO" && value != "FALSE" && value != "0")
                return refuse(file.path, line, fmt::format("{} needs YES or NO", key));
            value = yes ? "YES" : "NO";
        }
        // As in vsftpd, the last one counts.
        if (const auto before = given_.find(key); before != given_.end() && before->second.file == file.path)
            replaced.push_back({before->second.line, key, before->second.value, import_outcome::dropped,
                                fmt::format("line {} replaces it, as in vsftpd", line), file.path});
        given_.insert_or_assign(key, given_value{std::move(value), line, file.path});
    }
    return check_numbers(file.path);
}

result<void> vsftpd_values::check_numbers(const std::string& file) const {
    const auto check = [&](const char* key, int base, std::string_view what) -> result<void> {
        if (number(key, base)) return {};
        return refuse(file, given_.find(key)->second.line, fmt::format("{} needs {}", key, what));
    };
    for (const char* const key :
         {"listen_port", "pasv_min_port", "pasv_max_port", "max_clients", "max_per_ip", "anon_max_rate", "local_max_rate",
          "idle_session_timeout", "data_connection_timeout", "accept_timeout"})
        if (auto good = check(key, 10, "a number"); !good) return good;
    for (const char* const key : {"anon_umask", "local_umask", "file_open_mode"})
        if (auto good = check(key, 8, "an octal number"); !good) return good;
    return {};
}

std::string vsftpd_values::value(std::string_view key) const {
    const auto found = given_.find(key);
    return found == given_.end() ? std::string(find_setting(key)->value) : found->second.value;
}

std::optional<unsigned> vsftpd_values::number(std::string_view key, int base) const {
    const std::string text = value(key);
    unsigned out = 0;
    const auto* const end = text.data() + text.size();
    const auto done = std::from_chars(text.data(), end, out, base);
    if (text.empty() || done.ec != std::errc() || done.ptr != end) return std::nullopt;
    return out;
}

std::vector<std::string> vsftpd_values::rights(bool like_anonymous) const {
    std::vector<std::string> out;
    const auto add_if = [&](bool is, std::initializer_list<const char*> names) {
        if (is) out.insert(out.end(), names.begin(), names.end());
    };
    const bool write = yes("write_enable");
    add_if(yes("dirlist_enable"), {"list"});
    add_if(yes("download_enable"), {"read"});
    add_if(write && !like_anonymous, {"write", "append", "delete", "rename", "mkdir", "overwrite"});
    add_if(write && like_anonymous && yes("anon_upload_enable"), {"write"});
    add_if(write && like_anonymous && yes("anon_mkdir_write_enable"), {"mkdir"});
    add_if(write && like_anonymous && yes("anon_other_write_enable"), {"append", "delete", "rename", "overwrite"});
    for (const auto& row : right_commands)
        if (row.decides && !permits(row.command)) std::erase(out, row.right);
    return out;
}

bool vsftpd_values::permits(std::string_view command) const {
    const auto allowed = commands_in(value("cmds_allowed"));
    return (allowed.empty() || has(allowed, command)) && !has(commands_in(value("cmds_denied")), command);
}

std::vector<std::string> vsftpd_values::open_commands(std::string_view key, const std::vector<std::string>& rights) const {
    // Variants of what is allowed do no harm, except for SITE CHMOD.
    if (key == "cmds_allowed")
        return permits("SITE") || !has(rights, "overwrite") ? std::vector<std::string>() : std::vector<std::string>{"SITE"};
    auto out = commands_in(value(key));
    std::erase_if(out, [&](const std::string& command) {
        const auto needs_missing = [&](const right_command& row) {
            return row.command == command && !has(rights, row.right);
        };
        return std::ranges::any_of(right_commands, needs_missing);
    });
    return out;
}

std::string vsftpd_values::account_lines() const {
    std::string out;
    for (const auto& [theirs, ours] : {std::pair("deny_file", "deny"), std::pair("hide_file", "hide")})
        if (const auto patterns = vsftpd_patterns(value(theirs)); patterns && !patterns->empty())
            out += fmt::format("{} = {}\n", ours, toml_list(*patterns));
    if (yes("hide_ids")) out += "hide-ids = true\n";
    const bool is_virtual = has_virtual_users();
    out += fmt::format("rights = {}\n", toml_list(rights(is_virtual)));
    const auto umask = mask(is_virtual ? "anon_umask" : "local_umask");
    out += mode_lines(umask, umask, mask("file_open_mode"));
    out += rate_lines(count(is_virtual ? "anon_max_rate" : "local_max_rate"));
    auto root = value("local_root");
    if (const auto token = value("user_sub_token"); !token.empty()) root = with_replaced(std::move(root), token, "{user}");
    if (!root.empty()) out += fmt::format("home = {}\n", toml_text(root));
    return out;
}

std::string vsftpd_values::changed_lines(const vsftpd_values& other) const {
    const auto before = by_key(account_lines());
    const auto after = by_key(other.account_lines());
    std::string out;
    for (const auto& [key, line] : after)
        if (const auto found = before.find(key); found == before.end() || found->second != line) out += line + "\n";
    for (const auto& [key, line] : before)
        if (!after.contains(key) && key != "home") out += fmt::format("{} = {}\n", key, unset(key));
    return out;
}

}  // namespace sallyport::imports
