#pragma once
// Rules of other programs that assign the kernel's FTP helper to control connections before the gateway's rules do. A
// connection has one helper, the first. With the kernel's, it and the gateway both act on a session, and many of its data
// connections are not established.
//
// Pure functions that read what nft and iptables-save print; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::firewall {

struct helper_rule {
    // "table inet filter, chain early"
    std::string place;
    // As the program lists it.
    std::string rule;
    // The command that removes it, as arguments.
    std::vector<std::string> removal;
};

/// In the output of `nft -a list ruleset`: rules of chains that a packet passes before those of the gateway.
[[nodiscard]] std::vector<helper_rule> ftp_helpers_of_nft(std::string_view listing);
/// In the output of `iptables-save -t raw` and its variants; `command` is the one that removes a rule, such as "ip6tables".
[[nodiscard]] std::vector<helper_rule> ftp_helpers_of_iptables(std::string_view saved, const std::string& command);

}  // namespace sallyport::firewall
