#pragma once
// How long a private key takes for one signature, as that decides whether event loops may use it. For use inside net only.
// A function of its argument, which the caller owns; any thread.

#include <openssl/evp.h>
#include <sallyport/net/deadline.hpp>

namespace sallyport::net {

/// Makes signatures until one is quick, five at most, and returns the shortest time: the first one prepares the key, and
/// another thread may have had the processor meanwhile. A key that cannot sign returns the maximum.
[[nodiscard]] clock::duration signature_time(EVP_PKEY& key);

}  // namespace sallyport::net
