#pragma once
// When the certificates of a server expire, for its administrator. A pure function, owned by no object; any thread. Nothing
// fails.

#include <cstdint>
#include <optional>

#include <sallyport/net/tls.hpp>

namespace sallyport::net {

/// When the first of the certificates that are in use now expires, in seconds of Unix time; nothing if none has an end.
[[nodiscard]] std::optional<std::int64_t> first_certificate_end(const tls_server_context& context);

}  // namespace sallyport::net
