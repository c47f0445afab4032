#pragma once
// The rules of nft_table, in the kernel's own terms. Pure functions; what they are given is only
// used during the call. One thread for each transaction.

#include <string>
#include <string_view>

#include <libnftnl/expr.h>
#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

/// Of one address family.
struct nft_names {
    const char* expected;
    const char* source;
    const char* opened;
    const char* spent;
};
[[nodiscard]] constexpr nft_names names_of(bool v4) noexcept {
    return v4 ? nft_names{"expected4", "source4", "opened4", "spent4"}
              : nft_names{"expected6", "source6", "opened6", "spent6"};
}

/// For an element: lets the first packet through that looks it up, and no second one while it stands.
[[nodiscard]] nftnl_expr* single_use_limit();

/// Fails where the kernel has a table of this name already.
void add_table(nft_transaction& to, const std::string& name);

}  // namespace sallyport::firewall
