#pragma once
// Rules of other programs that keep the gateway from its sessions: they assign the kernel's FTP helper to a control
// connection before the gateway can (it keeps its first helper), translate its destination (DNAT), or accept related
// connections only with the kernel's helper.
//
// Pure functions that read what nft and iptables-save print; any thread.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::firewall {

struct conflicting_rule {
    // "table inet filter, chain early"
    std::string place;
    // As the program lists it.
    std::string rule;
    // The command that removes it, as arguments.
    std::vector<std::string> removal;
};

/// In the output of `nft -a list ruleset`: rules that assign the FTP helper. `only_earlier`: in chains that a packet passes
/// before those of the gateway.
[[nodiscard]] std::vector<conflicting_rule> ftp_helpers_of_nft(std::string_view listing, bool only_earlier = true);
/// In the output of `iptables-save -t raw` and its variants; `command` is the one that removes a rule, such as "ip6tables".
[[nodiscard]] std::vector<conflicting_rule> ftp_helpers_of_iptables(std::string_view saved, const std::string& command);

/// Rules that change the destination of connections to one of these ports, in the same outputs; of iptables in that of
/// `iptables-save -t nat`. Those that iptables has made are not in the output of nft.
[[nodiscard]] std::vector<conflicting_rule> translations_of_nft(std::string_view listing,
                                                                std::span<const std::uint16_t> ports);
[[nodiscard]] std::vector<conflicting_rule> translations_of_iptables(std::string_view saved, const std::string& command,
                                                                     std::span<const std::uint16_t> ports);

/// Rules that admit related connections only if their helper is the kernel's for FTP, which that of the gateway's sessions
/// is not; of iptables in the output of `iptables-save -t filter`. `removal` is empty: only the condition is to be removed.
[[nodiscard]] std::vector<conflicting_rule> ftp_conditions_of_nft(std::string_view listing);
[[nodiscard]] std::vector<conflicting_rule> ftp_conditions_of_iptables(std::string_view saved, const std::string& command);

}  // namespace sallyport::firewall
