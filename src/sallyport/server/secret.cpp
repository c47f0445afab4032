#include <sallyport/server/secret.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <sodium.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::server {
namespace {

constexpr std::string_view plain_prefix = "plain:";
constexpr std::string_view argon2id_prefix = "$argon2id$";
constexpr auto locked = std::to_array<std::string_view>({"*", "!", "!!", "x"});
// Solaris writes these before the previous content.
constexpr auto locked_prefixes = std::to_array<std::string_view>({"!$", "!!$", "*LK*", "*NP*"});

/// Whether the text begins with a scheme between two characters: "$6$", "{SSHA}".
bool begins_with_scheme(std::string_view text, char open, char close) {
    if (!text.starts_with(open)) return false;
    const auto end = text.find(close, 1);
    if (end == std::string_view::npos || end == 1) return false;
    return std::ranges::all_of(text.substr(1, end - 1), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '/' || c == ',' || c == '=';
    });
}

/// libsodium parses the complete hash, as it would at a login.
bool is_argon2id(const std::string& text) {
    return text.starts_with(argon2id_prefix) && sodium_init() >= 0 &&
           crypto_pwhash_str_needs_rehash(text.c_str(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != -1;
}

}  // namespace

result<secret> parse_secret(std::string_view text) {
    const auto refuse = [](std::string_view cause, std::string_view next) {
        return fail(errc::syntax, fmt::format("{}; {}", cause, next));
    };
    if (text.starts_with(plain_prefix)) {
        text.remove_prefix(plain_prefix.size());
        if (text.empty()) return refuse("the password is empty", "write one after plain:");
        return secret{std::string(text), false};
    }
    if (text.empty()) return refuse("the password is empty", "use NAME:PASSWORD");
    if (std::ranges::find(locked, text) != locked.end() ||
        std::ranges::any_of(locked_prefixes, [&](std::string_view p) { return text.starts_with(p); }))
        return refuse("this marks a locked account and is not a password",
                      "remove the user, or prefix it with plain: if it is the password");
    if (begins_with_scheme(text, '$', '$')) {
        secret hash{std::string(text), true};
        if (is_argon2id(hash.text)) return hash;
        return refuse(
            text.starts_with(argon2id_prefix) ? "the argon2id hash is damaged" : "this type of hash is not supported",
            "make one with 'sallyport user hash', or prefix it with plain: if it is the password");
    }
    if (begins_with_scheme(text, '{', '}'))
        return refuse("this type of hash is not supported",
                      "make one with 'sallyport user hash', or prefix it with plain: if it is the password");
    return secret{std::string(text), false};
}

}  // namespace sallyport::server
