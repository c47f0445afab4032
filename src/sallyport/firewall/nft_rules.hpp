#pragma once
// The rules of nft_table, in the kernel's own terms.

#include <string>
#include <string_view>

#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

/// Of one address family.
struct nft_names {
    const char* expected;
    const char* source;
};
[[nodiscard]] constexpr nft_names names_of(bool v4) noexcept {
    return v4 ? nft_names{"expected4", "source4"} : nft_names{"expected6", "source6"};
}

/// Fails where the kernel has a table of this name already.
void add_table(nft_transaction& to, const std::string& name);

}  // namespace sallyport::firewall
