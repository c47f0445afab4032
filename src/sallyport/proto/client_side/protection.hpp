#pragma once
// What protects a client's control connection and its data connections: AUTH, PBSZ, PROT, CCC and REIN (RFC 4217; TLS-01,
// TLS-06). A value with its rules; who owns it does the handshakes. A refusal with 421 ends the session. One thread.

#include <cstddef>
#include <expected>
#include <optional>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct protection_rules {
    bool implicit_tls = false;  // TLS from the first byte
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
    /// AUTH, PBSZ and PROT mean something here.
    [[nodiscard]] bool offered() const noexcept { return rules_.auth_offered || rules_.implicit_tls; }

    /// AUTH. `unread`: bytes that came with it. They came in the clear, perhaps from somebody else, and must never be read
    /// as if TLS had protected them. Nothing: it is accepted, and takes effect with tls_started().
    [[nodiscard]] std::optional<local_reply> accept_auth(const command& cmd, std::size_t pending_bytes);
    void tls_started() noexcept;

    /// Nothing: PBSZ is accepted.
    [[nodiscard]] std::optional<local_reply> accept_pbsz(const command& cmd);
    /// Whether PROT asks for protection, or why it can't. `required`: data must be protected. Takes no effect by itself.
    [[nodiscard]] std::expected<bool, local_reply> read_prot(const command& cmd, bool required) const;
    /// The level that was read; returns its reply.
    local_reply set_data(bool protect);

    /// Nothing: CCC is accepted, and takes effect with tls_ended(). `required`: TLS must stay.
    [[nodiscard]] std::optional<local_reply> refuse_ccc(std::size_t pending_bytes, bool required) const;
    void tls_ended() noexcept;

    /// After CCC, REIN would let anybody on the way set the level back.
    [[nodiscard]] std::optional<local_reply> refuse_rein() const;
    /// REIN: TLS stays, since no single command should end it; PBSZ and PROT are forgotten.
    void reset_levels() noexcept;

    /// A transfer whose data would not be protected although they must be.
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
