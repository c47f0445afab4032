#include <sallyport/net/signature_time.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <openssl/err.h>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/openssl.hpp>

namespace sallyport::net {
namespace {

constexpr int max_signatures = 5;

bool sign(EVP_PKEY& key, std::vector<unsigned char>& into) {
    // About as long as what a TLS 1.3 server signs.
    static constexpr std::array<unsigned char, 130> content{};
    const std::unique_ptr<EVP_MD_CTX, openssl_delete<EVP_MD_CTX_free>> digest(EVP_MD_CTX_new());
    auto size = into.size();
    // Without a name, it is the key's default digest.
    return digest && EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, &key) == 1 &&
           EVP_DigestSign(digest.get(), into.data(), &size, content.data(), content.size()) == 1;
}

}  // namespace

clock::duration signature_time(EVP_PKEY& key) {
    auto shortest = clock::duration::max();
    std::vector<unsigned char> signature(static_cast<std::size_t>(std::max(EVP_PKEY_get_size(&key), 1)));
    for (int i = 0; i < max_signatures && shortest > limits::max_signature_on_loop; ++i) {
        const auto start = clock::now();
        if (!sign(key, signature)) break;
        shortest = std::min(shortest, clock::now() - start);
    }
    ERR_clear_error();
    return shortest;
}

}  // namespace sallyport::net
