#pragma once
// Counts the content of TLS records by their headers. For AES-GCM without padding, as set in tls.hpp. A value for one
// thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include <sallyport/base/error.hpp>

namespace sallyport::load {

using record_header = std::array<unsigned char, 5>;

class record_tally {
public:
    /// From the first record after the handshake and its tickets on.
    explicit record_tally(bool tls13) : tls13_(tls13) {}

    /// The number of bytes after this header. An error if it is not a record header.
    [[nodiscard]] result<std::size_t> add(const record_header& header);
    /// Bytes of plaintext so far.
    [[nodiscard]] std::uint64_t content() const { return content_; }
    /// The last record was close_notify. TLS 1.3 encrypts the type, so a record of two bytes counts as one.
    [[nodiscard]] bool ended() const { return ended_; }

private:
    bool tls13_;
    bool ended_ = false;
    std::uint64_t content_ = 0;
};

}  // namespace sallyport::load
