#pragma once
// How much TLS records hold, by their headers alone. AES-GCM only, without padding, as tls.hpp has it. Pure.

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

    /// How many bytes follow this header. An error where it is none.
    [[nodiscard]] result<std::size_t> add(const record_header& header);
    /// Bytes of plain text so far.
    [[nodiscard]] std::uint64_t content() const { return content_; }
    /// The last one was the close_notify. TLS 1.3 hides what a record is, and there one of two bytes is taken for it.
    [[nodiscard]] bool ended() const { return ended_; }

private:
    bool tls13_;
    bool ended_ = false;
    std::uint64_t content_ = 0;
};

}  // namespace sallyport::load
