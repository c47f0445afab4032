#pragma once
// Whether the key of a server's certificate is trusted (--trust, --pin): by keys on the command line, by the key that was
// kept for this server, or by the user's answer. A key that is to be kept goes to the database of sites.
//
// key_trust is shared by the sessions with one server, on any of their threads; a call may wait for the user, and others
// wait for it. It lives as long as one of the sessions. A database that cannot be used makes every key untrusted: an old key
// must not be replaced because it could not be read.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/site_database.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/client/url.hpp>

namespace sallyport::cli {

enum class trust_mode : std::uint8_t {
    /// The user is asked about a key that is not known.
    ask,
    /// The first key is kept.
    first_use,
    /// Only known keys.
    pin,
    /// The CA certificates decide, and keys do not matter.
    ca
};

enum class key_verdict : std::uint8_t { trusted, keep, ask, unknown, changed };

/// `pins`: the only ones, if there are any. `known`: the one that was kept.
[[nodiscard]] key_verdict judge_key(trust_mode mode, const std::vector<std::string>& pins,
                                    const std::optional<trusted_key>& known, std::string_view key);

/// "sha256//" and base64 of 32 bytes. Errors name --pin.
[[nodiscard]] result<void> check_pin(std::string_view text);

class key_trust {
public:
    key_trust(const client::url& server, trust_mode mode, std::vector<std::string> pins, bool quiet);
    /// Nothing if the key is trusted.
    [[nodiscard]] std::optional<client::refused_key> refusal_of(const std::string& key);

private:
    [[nodiscard]] result<std::optional<trusted_key>> known_key() const;
    [[nodiscard]] std::optional<client::refused_key> keep(const std::string& key);
    [[nodiscard]] std::optional<client::refused_key> ask(const std::string& key);
    [[nodiscard]] client::refused_key unknown(const std::string& key, std::string_view why) const;
    [[nodiscard]] client::refused_key changed(const std::string& key, const trusted_key& known) const;

    std::string host_;
    std::uint16_t port_;
    trust_mode mode_;
    std::vector<std::string> pins_;
    bool is_quiet_;
    std::mutex mutex_;
    // The key of the first session; further ones have the same.
    std::string accepted_;
};

}  // namespace sallyport::cli
