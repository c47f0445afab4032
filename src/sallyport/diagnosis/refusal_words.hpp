#pragma once
// What the text of a refusal says; the codes alone do not show it. The client and the rules read it in the same way.
//
// Pure functions on values; any thread. Texts are in lower case.

#include <initializer_list>
#include <string_view>

namespace sallyport::diagnosis {

/// Whether one of these is anywhere in the text.
[[nodiscard]] bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) noexcept;

/// Whether a word of the text starts with one of these: "ssl" in "AUTH SSL", but not in "hassle".
[[nodiscard]] bool says(std::string_view text, std::initializer_list<std::string_view> phrases) noexcept;

/// The refusal demands TLS. `before_login`: it refused the session or the login; later, the words may be part of a path.
[[nodiscard]] bool asks_for_tls(int reply_code, std::string_view text, bool before_login) noexcept;

/// The reason why a certificate is not trusted is the name in it.
[[nodiscard]] bool names_other_host(std::string_view text) noexcept;

}  // namespace sallyport::diagnosis
