#include <sallyport/firewall/rule_formats.hpp>

#include <array>

#include <fmt/format.h>

#include <sallyport/firewall/device_rules.hpp>
#include <sallyport/firewall/linux_rules.hpp>
#include <sallyport/firewall/platform_rules.hpp>

namespace sallyport::firewall {
namespace {

constexpr std::array<rule_format, 11> formats{{
    {firewall_format::nftables, "nftables",
     "Input for nft -f. The rules require a table \"inet filter\" with the chains input and output, which accept "
     "established connections; replace the names with those of your chains.",
     "nft", "No rule may assign the helper \"ftp\" to these connections (ct helper set).", "#", nftables_lines},
    {firewall_format::iptables, "iptables",
     "Commands for a shell. They require that the chains INPUT and OUTPUT accept established connections.",
     "iptables-restore",
     "No rule of the table \"raw\" may assign the helper \"ftp\" to these connections (-j CT --helper ftp).", "#",
     iptables_lines},
    {firewall_format::ufw, "ufw", "Commands for a shell.", "ufw",
     "IPT_MODULES in /etc/default/ufw needs no nf_conntrack_ftp.", "#", ufw_lines},
    {firewall_format::firewalld, "firewalld", "Commands for a shell. The rules are those of the default zone.",
     "firewall-offline-cmd", "Do not add the service \"ftp\", which assigns the kernel's helper.", "#", firewalld_lines},
    {firewall_format::pf, "pf", "For pf.conf.", "", "No rule may divert these connections to ftp-proxy.", "#", pf_lines},
    {firewall_format::windows, "windows", "Commands for PowerShell, as administrator.", "",
     "To switch off the inspection of FTP: netsh advfirewall set global statefulftp disable", "#", windows_lines},
    {firewall_format::mikrotik, "mikrotik",
     "For a terminal of RouterOS on a router in front of the host. The chain must accept established connections; move "
     "these rules before the first one that drops.",
     "", "To switch off the inspection of FTP: /ip firewall service-port disable ftp", "#", mikrotik_lines},
    {firewall_format::cisco_ios, "cisco-ios",
     "For the configuration mode of IOS on a router in front of the host. Add the lines to the access lists of your "
     "interfaces, or apply these lists.",
     "", "To switch off the inspection of FTP: no ip inspect name NAME ftp, and no ip nat service ftp tcp port 21", "!",
     cisco_lines},
    {firewall_format::aws, "aws", "Commands for a shell with the AWS CLI. GROUP is the security group of the instance.", "",
     "", "#", aws_lines},
    {firewall_format::kubernetes, "kubernetes", "For kubectl apply. Replace the label with the one of your pods.", "", "",
     "#", kubernetes_lines},
    {firewall_format::docker, "docker", "For compose.yaml. Replace the names with those of your service.", "docker-compose",
     "", "#", docker_lines},
}};

[[nodiscard]] const rule_format& row_of(firewall_format format) { return formats.at(static_cast<std::size_t>(format)); }

/// "incoming to TCP 21,990: FTP control connections".
[[nodiscard]] std::string summary(const allowed_connections& c) {
    return fmt::format("{} to TCP {}{}: {}", c.is_incoming() ? "incoming" : "outgoing", ports_text(c.to, ", ", "-"),
                       c.from.empty() ? "" : " from port " + ports_text(c.from, ", ", "-"), c.purpose);
}

}  // namespace

std::span<const rule_format> rule_formats() noexcept { return formats; }

std::string comment_line(firewall_format format, std::string_view text) {
    return fmt::format("{} {}\n", row_of(format).comment, text);
}

std::vector<std::string> rule_lines(const firewall_needs& needs, firewall_format format) {
    return row_of(format).write(needs);
}

std::string rules_text(const firewall_needs& needs, firewall_format format) {
    const auto& row = row_of(format);
    std::string out;
    const auto remark = [&](std::string_view text) { out += comment_line(format, text); };
    remark(needs.of_server ? "What the firewall of an FTP server must allow:"
                           : "What the firewall of an FTP client must allow:");
    for (const auto& c : needs.connections) remark("- " + summary(c));
    remark(row.place);
    remark(row.checked_by.empty()
               ? std::string("Not machine-checked: no program that reads this format runs where Sallyport is tested.")
               : fmt::format("Rules of this form are checked by {} in the tests of Sallyport.", row.checked_by));
    if (needs.of_server) {
        remark(needs.encrypted
                   ? "These ports are fixed, so no device needs to read control connections; with TLS none can."
                   : "These ports are fixed, so no device needs to read control connections, and none should change them.");
        if (!row.without_helper.empty()) remark(row.without_helper);
    }
    for (const auto& line : row.write(needs)) out += line + '\n';
    return out;
}

}  // namespace sallyport::firewall
