#pragma once
// The protection of a client's control and data connections: AUTH, PBSZ, PROT, CCC and REIN (RFC 4217; TLS-01, TLS-06).
//
// It holds the state and the rules; the owner does the TLS handshakes. A refusal with 421 ends the session. A value, owned
// by a server machine or a relay machine; one thread.

#include <cstddef>
#include <expected>
#include <optional>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct protection_rules {
    bool implicit_tls = false;
    bool auth_offered = false;
    bool ccc_allowed = false;
};

class client_protection {
public:
    explicit client_protection(protection_rules rules) noexcept;

    [[nodiscard]] bool tls() const noexcept { return tls_; }
    /// CCC has ended TLS on the control connection.
    [[nodiscard]] bool cleared() const noexcept { return cleared_; }
    /// PROT P is in force.
    [[nodiscard]] bool data() const noexcept { return data_; }
    /// TLS is available, so AUTH, PBSZ and PROT are supported.
    [[nodiscard]] bool offered() const noexcept { return rules_.auth_offered || rules_.implicit_tls; }

    /// The reply that refuses AUTH; nothing if it is accepted, which takes effect with tls_started(). `pending_bytes`: the
    /// number of bytes that arrived with it. They were not encrypted, an attacker may have inserted them, and they must
    /// never be taken for bytes that TLS has protected.
    [[nodiscard]] std::optional<local_reply> accept_auth(const command& cmd, std::size_t pending_bytes);
    void tls_started() noexcept;

    /// The reply that refuses PBSZ; nothing if it is accepted.
    [[nodiscard]] std::optional<local_reply> accept_pbsz(const command& cmd);
    /// True for PROT P, false for PROT C, or the reply that refuses it. `required`: data must be encrypted. Changes no
    /// state.
    [[nodiscard]] std::expected<bool, local_reply> read_prot(const command& cmd, bool required) const;
    /// Sets the data protection level; returns the reply.
    local_reply set_data(bool protect);

    /// The reply that refuses CCC; nothing if it is accepted, which takes effect with tls_ended(). `required`: TLS must
    /// stay.
    [[nodiscard]] std::optional<local_reply> refuse_ccc(std::size_t pending_bytes, bool required) const;
    void tls_ended() noexcept;

    /// The reply that refuses REIN after CCC, when an attacker on the path could send it to reset the protection level.
    [[nodiscard]] std::optional<local_reply> refuse_rein() const;
    /// After REIN: PBSZ and PROT are reset. TLS stays, since no single command should end it.
    void reset_levels() noexcept;

    /// The reply that refuses a transfer whose data must be encrypted and would not be.
    [[nodiscard]] std::optional<local_reply> refuse_transfer(bool required) const;

private:
    protection_rules rules_;
    bool tls_;
    bool cleared_ = false;
    bool data_;
    bool data_after_auth_ = false;
    bool pbsz_given_ = false;
};

}  // namespace sallyport::proto
