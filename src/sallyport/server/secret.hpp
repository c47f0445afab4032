#pragma once
// The password of an account in the settings (AU-04): plain text, or a hash.
//
//   plain:TEXT       the password TEXT, whatever it looks like
//   $argon2id$...    a hash from 'sallyport user hash'
//   $6$...           a hash of crypt(5), see crypt_hash.hpp
//   TEXT             the password TEXT, unless other programs use it for a locked account or for a hash
//
// An entry copied from another system's list of users ("*", "!", "!$6$salt$hash", "{SHA}...") must lock the account or be an
// error, and must never become a plain password.
//
// Pure functions that return values; any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::server {

enum class secret_kind : std::uint8_t { plain, argon2id, crypt };

struct secret {
    // The password itself, or its hash.
    std::string text;
    secret_kind kind = secret_kind::plain;
};

/// errc::syntax if the text is invalid. The error gives the cause and the next step, and does not repeat the password.
[[nodiscard]] result<secret> parse_secret(std::string_view text);

/// Whether this is the password of a hash that parse_secret() has accepted. Takes time and memory, both of which the hash
/// determines. An error if there is not enough memory: that is no wrong password.
[[nodiscard]] result<bool> matches_hash(const std::string& hash, std::string_view password);

/// An argon2id hash, as 'sallyport user hash' makes them. An error if there is not enough memory.
[[nodiscard]] result<std::string> make_hash(std::string_view password);

/// What determines the duration of a check of this hash: its scheme and parameters.
[[nodiscard]] std::string cost_of_hash(std::string_view hash);

}  // namespace sallyport::server
