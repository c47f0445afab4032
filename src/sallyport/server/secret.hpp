#pragma once
// The password of an account in the settings (AU-04): plain text, or a hash.
//
//   plain:TEXT       the password TEXT, whatever it looks like
//   $argon2id$...    a hash from 'sallyport user hash'
//   TEXT             the password TEXT, unless other programs use it for a locked account or for a hash
//
// An entry copied from another system's list of users ("*", "!", "$6$salt$hash", "{SHA}...") must lock the account or be an
// error, and must never become a plain password.
//
// Pure functions that return values; any thread.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::server {

struct secret {
    std::string text;
    // Otherwise `text` is the password itself.
    bool is_argon2id = false;
};

/// errc::syntax if the text is invalid. The error gives the cause and the next step, and does not repeat the password.
[[nodiscard]] result<secret> parse_secret(std::string_view text);

/// Whether this is the password of an argon2id hash. Takes time and memory, both of which the hash determines. An error if
/// there is not enough memory: that is no wrong password.
[[nodiscard]] result<bool> matches_argon2id(const std::string& hash, std::string_view password);

}  // namespace sallyport::server
