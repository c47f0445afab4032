#pragma once
// The log line for the result of a login, the same for server and gateway: user, address, TLS and result. A pure function;
// any thread.

#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::frontend {

/// `tls` is the TLS version, empty without TLS; `result` is "accepted" or "refused, ...". Text received from peers is
/// escaped, quotation marks too.
[[nodiscard]] std::string login_text(std::string_view user, const endpoint& client, std::string_view tls,
                                     std::string_view result);

}  // namespace sallyport::frontend
