#pragma once
// The formats in which rules for a firewall are written, one writer for each.
//
// Pure functions; any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/firewall/firewall_needs.hpp>

namespace sallyport::firewall {

enum class firewall_format : std::uint8_t {
    nftables,
    iptables,
    ufw,
    firewalld,
    pf,
    windows,
    mikrotik,
    cisco_ios,
    aws,
    kubernetes,
    docker
};

struct rule_format {
    firewall_format format;
    std::string_view name;
    // Where the rules belong, and what they require.
    std::string_view place;
    // The program with which the tests check rules of this format; empty: none.
    std::string_view checked_by;
    // How to keep the device from reading FTP control connections itself; empty: it does not by default.
    std::string_view without_helper;
    // Begins a comment.
    std::string_view comment;
    std::vector<std::string> (*write)(const firewall_needs&);
};

/// In the order of the enumeration.
[[nodiscard]] std::span<const rule_format> rule_formats() noexcept;

/// A comment in the syntax of the format. It ends in "\n".
[[nodiscard]] std::string comment_line(firewall_format format, std::string_view text);

/// The rules alone, one line each.
[[nodiscard]] std::vector<std::string> rule_lines(const firewall_needs& needs, firewall_format format);

/// The rules with comments about what they are for, ready to paste. Lines end in "\n".
[[nodiscard]] std::string rules_text(const firewall_needs& needs, firewall_format format);

}  // namespace sallyport::firewall
