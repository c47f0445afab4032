#pragma once
// Password hashes of the system's crypt(5), as in /etc/shadow and in the files of htpasswd, ftpasswd and pure-pw: $1$, $5$,
// $6$, $y$, $gy$, $7$ and $2a$, $2b$, $2y$. Pure functions; any thread.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::server {

/// Whether the text begins as one of these hashes does.
[[nodiscard]] bool has_crypt_scheme(std::string_view text) noexcept;
/// Whether it is complete, so that a password can match it.
[[nodiscard]] bool is_crypt_hash(const std::string& text) noexcept;

/// Compares in constant time. Takes the time that the hash determines. An error if there is not enough memory. REQUIRES:
/// is_crypt_hash().
[[nodiscard]] result<bool> matches_crypt(const std::string& hash, std::string_view password);

/// What determines the duration of a check: the scheme with its parameters, without salt.
[[nodiscard]] std::string crypt_cost(std::string_view hash);

}  // namespace sallyport::server
