#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/protection.hpp>
#include <sallyport/proto/client_side/replies.hpp>

#include <string>

namespace sallyport::proto {
// With implicit TLS, data is encrypted by default; with explicit TLS, the client must send PROT P (RFC 4217, section 9).
client_protection::client_protection(protection_rules rules) noexcept
    : rules_(rules), tls_(rules.implicit_tls), data_(rules.implicit_tls) {}

std::optional<local_reply> client_protection::accept_auth(const command& cmd, std::size_t pending_bytes) {
    if (!offered()) return replies::reply_of(502, replies::no_tls);
    if (tls_) return replies::reply_of(503, replies::tls_active);
    if (cleared_) return replies::reply_of(503, replies::no_tls_after_ccc);
    // AUTH SSL and TLS-P, from older drafts, imply encrypted data connections.
    const bool protects_data = iequals(cmd.argument, "SSL") || iequals(cmd.argument, "TLS-P");
    if (!protects_data && !iequals(cmd.argument, "TLS") && !iequals(cmd.argument, "TLS-C"))
        return replies::reply_of(504, replies::auth_tls_only);
    if (pending_bytes != 0) return replies::reply_of(421, replies::bytes_after_auth);
    data_after_auth_ = protects_data;
    return std::nullopt;
}

void client_protection::tls_started() noexcept {
    tls_ = true;
    pbsz_given_ = false;
    data_ = data_after_auth_;
}

std::optional<local_reply> client_protection::accept_pbsz(const command& cmd) {
    if (!offered()) return replies::reply_of(502, replies::no_tls);
    if (!tls_) return replies::reply_of(503, replies::pbsz_needs_tls);
    if (!parse_decimal(cmd.argument, UINT32_MAX)) return replies::reply_of(501, replies::pbsz_number);
    pbsz_given_ = true;
    return std::nullopt;
}

std::expected<bool, local_reply> client_protection::read_prot(const command& cmd, bool required) const {
    const auto no = [](int code, std::string_view text) { return std::unexpected(replies::reply_of(code, text)); };
    if (!offered()) return no(502, replies::no_tls);
    if (cleared_) return no(503, replies::prot_is_fixed);
    if (!tls_) return no(503, replies::prot_needs_tls);
    if (!pbsz_given_) return no(503, replies::pbsz_first);
    if (iequals(cmd.argument, "P")) return true;
    if (iequals(cmd.argument, "S") || iequals(cmd.argument, "E")) return no(536, replies::no_such_level);
    if (!iequals(cmd.argument, "C")) return no(504, replies::prot_syntax);
    if (required) return no(534, replies::encrypt_data);
    return false;
}

local_reply client_protection::set_data(bool protect) {
    data_ = protect;
    return replies::reply_of(200, protect ? replies::data_encrypted : replies::data_not_encrypted);
}

std::optional<local_reply> client_protection::refuse_ccc(std::size_t pending_bytes, bool required) const {
    if (!tls_) return replies::reply_of(533, replies::not_encrypted);
    if (!rules_.ccc_allowed || required) return replies::reply_of(534, replies::stays_encrypted);
    if (!data_) return replies::reply_of(534, replies::prot_before_ccc);
    if (pending_bytes != 0) return replies::reply_of(421, replies::bytes_after_ccc);
    return std::nullopt;
}

void client_protection::tls_ended() noexcept {
    tls_ = false;
    cleared_ = true;
}

std::optional<local_reply> client_protection::refuse_rein() const {
    if (cleared_) return replies::reply_of(502, replies::no_rein_after_ccc);
    return std::nullopt;
}

void client_protection::reset_levels() noexcept {
    pbsz_given_ = false;
    data_ = rules_.implicit_tls;
}

std::optional<local_reply> client_protection::refuse_transfer(bool required) const {
    if (!required || data_) return std::nullopt;
    return replies::reply_of(521, pbsz_given_ ? replies::encrypt_data : replies::encrypt_data_with_pbsz);
}

}  // namespace sallyport::proto
