#pragma once
// What stands behind a user's name in the settings (AU-04): a password, or a hash of one.
//
//   plain:TEXT       the password TEXT, whatever it looks like
//   $argon2id$...    a hash from 'sallyport user hash'
//   TEXT             the password TEXT, unless it is what other programs write for a locked account or for a hash
//
// What is taken from another system's list of users ("*", "!", "$6$salt$hash", "{SHA}...") must lock its owner out or be an
// error, and never become a password that anybody can type. Pure; any thread.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::server {

struct secret {
    std::string text;
    bool is_argon2id = false;  // else the password itself
};

/// errc::syntax where it is neither; the error's text is cause and next step, and does not repeat the secret.
[[nodiscard]] result<secret> parse_secret(std::string_view text);

}  // namespace sallyport::server
