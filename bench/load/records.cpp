#include <load/records.hpp>

namespace sallyport::load {
namespace {

constexpr unsigned char alert_type = 21;
constexpr unsigned char data_type = 23;
constexpr std::size_t alert = 2;
constexpr std::size_t tag = 16;
constexpr std::size_t explicit_nonce = 8;  // RFC 5288; none in TLS 1.3, which has ...
constexpr std::size_t inner_type = 1;      // ... this (RFC 8446 section 5.2)
constexpr std::size_t max_record_bytes = 16 * 1024 + 256;

}  // namespace

result<std::size_t> record_tally::add(const record_header& header) {
    const std::size_t size = header[3] * std::size_t{256} + header[4];
    const std::size_t overhead = tag + (tls13_ ? inner_type : explicit_nonce);
    const bool is_alert = header[0] == alert_type && !tls13_;
    if ((header[0] != data_type && !is_alert) || header[1] != 3 || size <= overhead || size > max_record_bytes)
        return fail(errc::unexpected, "a TLS record that is neither data nor the end");
    ended_ = is_alert || (tls13_ && size == overhead + alert);
    if (!ended_) content_ += size - overhead;
    return size;
}

}  // namespace sallyport::load
