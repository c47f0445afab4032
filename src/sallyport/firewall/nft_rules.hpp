#pragma once
// Builds the chains and rules of nft_table in the kernel's terms.
//
// Pure functions; their arguments are used during the call only. One thread for each transaction.

#include <cstdint>
#include <span>
#include <string>

#include <libnftnl/expr.h>
#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

/// The names of the maps and sets of one address family.
struct nft_names {
    const char* expected;
    const char* source;
    const char* opened;
    const char* kept;
    const char* spent;
};
[[nodiscard]] constexpr nft_names names_of(bool v4) noexcept {
    return v4 ? nft_names{"expected4", "source4", "opened4", "kept4", "spent4"}
              : nft_names{"expected6", "source6", "opened6", "kept6", "spent6"};
}

/// A limit expression for an element: it matches the first packet that looks the element up, and no other for a day.
[[nodiscard]] nftnl_expr* single_use_limit();

/// Adds the messages that create the table with its maps, chains and rules, and with the helper for connections to these
/// ports of this machine. The transaction fails if a table of this name exists.
void add_openings_table(nft_transaction& to, const std::string& name, std::span<const std::uint16_t> control_ports);

}  // namespace sallyport::firewall
