#include <sallyport/doctor/server_configuration.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::server_facts;

/// `otherwise` if the text is no port.
[[nodiscard]] std::uint16_t port_in(std::string_view text, std::uint16_t otherwise = 0) {
    return static_cast<std::uint16_t>(parse_decimal(text, UINT16_MAX).value_or(otherwise));
}

[[nodiscard]] std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> out;
    for (std::size_t at = text.find_first_not_of(separators); at != text.npos;) {
        const auto end = std::min(text.find_first_of(separators, at), text.size());
        out.emplace_back(text.substr(at, end - at));
        at = text.find_first_not_of(separators, end);
    }
    return out;
}

/// Sets the range of two ends; 0: not set.
void set_range(server_facts& to, std::uint16_t first, std::uint16_t last, std::string_view first_name,
               std::string_view last_name) {
    if (first == 0 && last == 0) return;
    if (first == 0 || last == 0) {
        to.contradictions.push_back(
            fmt::format("{} is set without {}", first == 0 ? last_name : first_name, first == 0 ? first_name : last_name));
        return;
    }
    if (first > last) {
        to.contradictions.push_back(fmt::format("{} {} is above {} {}", first_name, first, last_name, last));
        return;
    }
    to.passive_ports = {first, last};
}

/// vsftpd ends if a line is anything else than a comment or "name=value", without a blank before "=".
[[nodiscard]] bool is_line_of_vsftpd(std::string_view line) {
    const auto equals = line.find('=');
    return equals != line.npos && equals != 0 &&
           std::ranges::all_of(line.substr(0, equals), [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

/// Directives that a configuration of ProFTPD has, of which Debian's has most.
[[nodiscard]] bool is_line_of_proftpd(std::string_view line) {
    static constexpr auto names = std::to_array<std::string_view>(
        {"include",         "servername",  "servertype",     "port",         "user",
         "group",           "umask",       "maxinstances",   "passiveports", "masqueradeaddress",
         "defaultserver",   "defaultroot", "defaultaddress", "useipv6",      "identlookups",
         "systemlog",       "transferlog", "extendedlog",    "tlsengine",    "requirevalidshell",
         "allowoverwrite",  "maxclients",  "authuserfile",   "loadmodule",   "timeoutidle",
         "socketbindtight", "<global>",    "<anonymous",     "<virtualhost", "<limit",
         "<ifmodule"});
    const auto words = split(line, " \t");
    return !words.empty() && std::ranges::find(names, to_lower(words.front())) != names.end();
}

}  // namespace

bool is_configuration_of(std::string_view program, std::string_view text) {
    std::vector<std::string> lines;
    for (auto& line : split(text, "\r\n")) {
        const auto begin = line.find_first_not_of(" \t");
        if (begin != line.npos && line[begin] != '#') lines.push_back(line.substr(begin));
    }
    if (lines.empty()) return true;
    if (program == "vsftpd") return std::ranges::all_of(lines, is_line_of_vsftpd);
    if (program == "proftpd") return std::ranges::any_of(lines, is_line_of_proftpd);
    return lines.front().starts_with('-');
}

server_facts read_vsftpd(std::string_view text) {
    std::map<std::string, std::string> values;
    for (const auto& line : split(text, "\r\n")) {
        const auto equals = line.find('=');
        if (line.starts_with('#') || equals == line.npos) continue;
        auto value = line.substr(equals + 1);
        value.erase(value.find_last_not_of(" \t") + 1);
        values[to_lower(line.substr(0, equals))] = value;
    }
    const auto text_of = [&](const char* key) { return values.contains(key) ? values[key] : std::string(); };
    const auto is_on = [&](const char* key, bool usual) {
        const auto value = to_lower(text_of(key));
        return value.empty() ? usual : value == "yes" || value == "true" || value == "1";
    };
    const auto port_of = [&](const char* key) { return port_in(text_of(key)); };
    server_facts out{.program = "vsftpd"};
    constexpr std::uint16_t usual_port = 21;
    out.control_ports = {values.contains("listen_port") ? port_of("listen_port") : usual_port};
    out.passive = is_on("pasv_enable", true);
    set_range(out, port_of("pasv_min_port"), port_of("pasv_max_port"), "pasv_min_port", "pasv_max_port");
    out.external_address = text_of("pasv_address");
    out.tls = is_on("ssl_enable", false);
    if (const auto clients = parse_decimal(text_of("max_clients"), UINT64_MAX); clients && *clients != 0)
        out.max_sessions = clients;
    if (is_on("listen", true) && is_on("listen_ipv6", false) && values.contains("listen"))
        out.contradictions.emplace_back("listen and listen_ipv6 exclude each other");
    if (!out.external_address.empty() && !is_on("pasv_addr_resolve", false) && !ip_address::parse(out.external_address))
        out.contradictions.push_back(
            fmt::format("pasv_address {} is a name, which needs pasv_addr_resolve=YES", out.external_address));
    return out;
}

server_facts read_proftpd(std::string_view text) {
    constexpr std::uint16_t usual_port = 21;
    server_facts out{.program = "proftpd", .control_ports = {usual_port}};
    bool elsewhere = false;
    for (const auto& line : split(text, "\r\n")) {
        const auto words = split(line, " \t");
        if (words.empty() || words[0].starts_with('#')) continue;
        const auto name = to_lower(words[0]);
        if (name.starts_with("<virtualhost") || name.starts_with("<global")) elsewhere = name.starts_with("<virtualhost");
        if (name.starts_with("</virtualhost")) elsewhere = false;
        if (elsewhere || words.size() < 2) continue;
        if (name == "port") {
            out.control_ports = {port_in(words[1], usual_port)};
        } else if (name == "passiveports" && words.size() >= 3) {
            set_range(out, port_in(words[1]), port_in(words[2]), "the first of PassivePorts", "the second of PassivePorts");
        } else if (name == "masqueradeaddress") {
            out.external_address = words[1];
        } else if (name == "tlsengine") {
            out.tls = to_lower(words[1]) == "on";
        } else if (name == "maxinstances" || name == "maxclients") {
            const auto limit = parse_decimal(words[1], UINT64_MAX);
            if (limit && (!out.max_sessions || *limit < *out.max_sessions)) out.max_sessions = limit;
        } else if (name == "include") {
            out.not_measured.push_back(fmt::format("the settings in {} (Include)", words[1]));
        }
    }
    // TLSEngine is off by default, and Debian has it in a file of its own.
    if (!out.tls && out.not_measured.empty()) out.tls = false;
    return out;
}

server_facts read_pure_ftpd(std::string_view options) {
    constexpr std::uint16_t usual_port = 21;
    // Its default for -c.
    constexpr std::uint64_t usual_clients = 50;
    server_facts out{.program = "pure-ftpd", .control_ports = {usual_port}, .tls = false, .max_sessions = usual_clients};
    const auto words = split(options, " \t\r\n");
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string name = words[i];
        std::string value;
        if (name.starts_with("--")) {
            const auto equals = name.find('=');
            value = equals != name.npos ? name.substr(equals + 1) : i + 1 < words.size() ? words[i + 1] : "";
            name.erase(std::min(equals, name.size()));
        } else if (name.starts_with('-') && name.size() > 2) {
            value = name.substr(2);
            name.erase(2);
        } else if (i + 1 < words.size()) {
            value = words[i + 1];
        }
        const auto after = [&value](char separator) { return value.substr(value.find(separator) + 1); };
        if (name == "-p" || name == "--passiveportrange") {
            set_range(out, port_in(value.substr(0, value.find(':'))), port_in(after(':')), "the first port of -p",
                      "the second port of -p");
        } else if (name == "-P" || name == "--forcepassiveip") {
            out.external_address = value;
        } else if (name == "-Y" || name == "--tls") {
            out.tls = value != "0";
        } else if (name == "-S" || name == "--bind") {
            out.control_ports = {port_in(after(','), usual_port)};
        } else if (name == "-c" || name == "--maxclientsnumber") {
            if (const auto limit = parse_decimal(value, UINT64_MAX)) out.max_sessions = limit;
        }
    }
    return out;
}

}  // namespace sallyport::doctor
