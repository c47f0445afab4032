#pragma once
// What a certificate's file says of itself, for people: whom it is for and until when. May block on the disk; any thread.

#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::net {

struct certificate_facts {
    std::vector<std::string> names;  // host names and addresses; the common name where there are none
    std::int64_t not_after = 0;      // seconds since 1970
    std::string fingerprint;         // SHA-256
};

/// The first certificate in a PEM file.
[[nodiscard]] result<certificate_facts> read_certificate(const std::string& file);

}  // namespace sallyport::net
