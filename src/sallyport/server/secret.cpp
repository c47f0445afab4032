#include <sallyport/server/secret.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <sodium.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/server/crypt_hash.hpp>

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

/// The parts of "$argon2id$v=19$m=65536,t=2,p=1$SALT$HASH".
struct argon2id_parts {
    // In KiB.
    std::size_t memory = 0;
    unsigned long long passes = 0;
    unsigned lanes = 0;
    std::array<unsigned char, 64> salt{};
    std::size_t salt_size = 0;
    std::array<unsigned char, 128> hash{};
    std::size_t hash_size = 0;
};

/// Decodes base64 up to the next "$" or the end.
bool decode(std::span<unsigned char> into, std::size_t& size, std::string_view& text) {
    const auto part = text.substr(0, text.find('$'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return sodium_base642bin(into.data(), into.size(), part.data(), part.size(), nullptr, &size, nullptr,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
}

std::optional<argon2id_parts> parts_of(const std::string& text) {
    argon2id_parts out;
    int read = 0;
    // NOLINTNEXTLINE(cert-err34-c): libsodium has checked these numbers
    if (std::sscanf(text.c_str(), "$argon2id$v=19$m=%zu,t=%llu,p=%u$%n", &out.memory, &out.passes, &out.lanes, &read) != 3)
        return std::nullopt;
    std::string_view rest(text);
    rest.remove_prefix(static_cast<std::size_t>(read));
    if (!decode(out.salt, out.salt_size, rest) || !decode(out.hash, out.hash_size, rest)) return std::nullopt;
    return out;
}

// crypto_pwhash_str_verify() reports a lack of memory as a wrong password. It remains for the hashes of other programs with
// parameters that crypto_pwhash() does not have.
result<bool> matches_argon2id(const std::string& hash, std::string_view password) {
    const auto parts = parts_of(hash);
    const bool has_usual_parameters = parts && parts->lanes == 1 && parts->salt_size == crypto_pwhash_SALTBYTES &&
                                      parts->hash_size >= crypto_pwhash_BYTES_MIN &&
                                      parts->memory * 1024 >= crypto_pwhash_MEMLIMIT_MIN;
    if (!has_usual_parameters) {
        if (crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0) return true;
        const std::unique_ptr<char[]> memory(new (std::nothrow) char[parts ? parts->memory * 1024 : 0]);
        return memory ? result<bool>(false) : fail_without_memory();
    }
    std::array<unsigned char, 128> computed{};
    if (crypto_pwhash(computed.data(), parts->hash_size, password.data(), password.size(), parts->salt.data(), parts->passes,
                      parts->memory * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fail_without_memory();
    return sodium_memcmp(computed.data(), parts->hash.data(), parts->hash_size) == 0;
}

}  // namespace

result<bool> matches_hash(const std::string& hash, std::string_view password) {
    return hash.starts_with(argon2id_prefix) ? matches_argon2id(hash, password) : matches_crypt(hash, password);
}

result<std::string> make_hash(std::string_view password) {
    std::array<char, crypto_pwhash_STRBYTES> hash{};
    const bool made =
        sodium_init() >= 0 && crypto_pwhash_str(hash.data(), password.data(), password.size(),
                                                crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
    if (!made) return fail(errc::exhausted, "not enough memory for argon2id (64 MiB); free some and try again");
    return std::string(hash.data());
}

std::string cost_of_hash(std::string_view hash) {
    // "$argon2id$v=19$m=65536,t=2,p=1$SALT$HASH" ends as hashes of crypt(5) do.
    return crypt_cost(hash);
}

result<secret> parse_secret(std::string_view text) {
    const auto refuse = [](std::string_view cause, std::string_view next) {
        return fail(errc::syntax, fmt::format("{}; {}", cause, next));
    };
    if (text.starts_with(plain_prefix)) {
        text.remove_prefix(plain_prefix.size());
        if (text.empty()) return refuse("the password is empty", "write one after plain:");
        return secret{std::string(text)};
    }
    if (text.empty()) return refuse("the password is empty", "use NAME:PASSWORD");
    if (std::ranges::find(locked, text) != locked.end() ||
        std::ranges::any_of(locked_prefixes, [&](std::string_view p) { return text.starts_with(p); }))
        return refuse("this marks a locked account and is not a password",
                      "remove the user, or prefix it with plain: if it is the password");
    if (begins_with_scheme(text, '$', '$')) {
        std::string hash(text);
        if (is_argon2id(hash)) return secret{std::move(hash), secret_kind::argon2id};
        if (is_crypt_hash(hash)) return secret{std::move(hash), secret_kind::crypt};
        const bool known = text.starts_with(argon2id_prefix) || has_crypt_scheme(text);
        return refuse(known ? "the hash is damaged" : "this type of hash is not supported",
                      "make one with 'sallyport user hash', or prefix it with plain: if it is the password");
    }
    if (begins_with_scheme(text, '{', '}'))
        return refuse("this type of hash is not supported",
                      "make one with 'sallyport user hash', or prefix it with plain: if it is the password");
    return secret{std::string(text)};
}

}  // namespace sallyport::server
