#pragma once
// Reads the names and the expiry date of a certificate file, for messages. May block on the disk; any thread. The result is
// a value owned by the caller.

#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::net {

struct certificate_facts {
    // Host names and addresses of the subject alternative name, or the common name if there are none.
    std::vector<std::string> names;
    // Expiry date in seconds since 1970.
    std::int64_t not_after = 0;
    // SHA-256.
    std::string fingerprint;
};

/// Reads the first certificate in a PEM file.
[[nodiscard]] result<certificate_facts> read_certificate(const std::string& file);

}  // namespace sallyport::net
