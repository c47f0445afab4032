#include <sallyport/server/crypt_hash.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>

#include <crypt.h>
#include <sodium.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/memory_reserve.hpp>

namespace sallyport::server {
namespace {

struct scheme {
    std::string_view prefix;
    // Of the hash itself, after the last '$'; with bcrypt, of salt and hash.
    std::size_t size;
};
constexpr auto schemes = std::to_array<scheme>({{"$1$", 22},
                                                {"$5$", 43},
                                                {"$6$", 86},
                                                {"$y$", 43},
                                                {"$gy$", 43},
                                                {"$7$", 43},
                                                {"$2a$", 53},
                                                {"$2b$", 53},
                                                {"$2y$", 53}});
constexpr std::string_view bcrypt = "$2";
constexpr std::size_t bcrypt_cost_size = 6;
constexpr std::string_view scrypt = "$7$";
constexpr std::size_t scrypt_cost_size = 14;

const scheme* scheme_of(std::string_view text) noexcept {
    const auto* const found = std::ranges::find_if(schemes, [&](const scheme& s) { return text.starts_with(s.prefix); });
    return found == schemes.end() ? nullptr : found;
}

}  // namespace

bool has_crypt_scheme(std::string_view text) noexcept { return scheme_of(text) != nullptr; }

bool is_crypt_hash(const std::string& text) noexcept {
    const scheme* const s = scheme_of(text);
    if (s == nullptr) return false;
    const std::string_view hash = std::string_view(text).substr(text.rfind('$') + 1);
    const auto is_base64 = [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '/'; };
    if (hash.size() != s->size || !std::ranges::all_of(hash, is_base64)) return false;
    const int checked = crypt_checksalt(text.c_str());
    return checked == CRYPT_SALT_OK || checked == CRYPT_SALT_METHOD_LEGACY;
}

result<bool> matches_crypt(const std::string& hash, std::string_view password) {
    // The system's function would ignore what follows.
    if (password.find('\0') != std::string_view::npos) return false;
    const std::unique_ptr<crypt_data> work(new (std::nothrow) crypt_data{});
    if (!work) return fail_without_memory();
    std::string phrase(password);
    const char* const computed = crypt_rn(phrase.c_str(), hash.c_str(), work.get(), sizeof *work);
    const int failed = errno;
    const bool made = computed != nullptr;
    const bool same =
        made && hash.size() == std::string_view(computed).size() && sodium_memcmp(computed, hash.data(), hash.size()) == 0;
    sodium_memzero(work.get(), sizeof *work);
    sodium_memzero(phrase.data(), phrase.size());
    if (!made && failed == ENOMEM) return fail_without_memory();
    return same;
}

std::string crypt_cost(std::string_view hash) {
    if (hash.starts_with(bcrypt)) return std::string(hash.substr(0, bcrypt_cost_size));
    if (hash.starts_with(scrypt)) return std::string(hash.substr(0, scrypt_cost_size));
    const auto before_hash = hash.substr(0, hash.rfind('$'));
    return std::string(before_hash.substr(0, before_hash.rfind('$')));
}

}  // namespace sallyport::server
