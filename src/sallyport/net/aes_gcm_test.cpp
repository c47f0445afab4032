// The same messages by OpenSSL's own AES-GCM and by the one that TLS contexts ask for here.

#include <sallyport/net/aes_gcm.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sallyport/net/openssl.hpp>

namespace sallyport::net {
namespace {

using evp = std::unique_ptr<EVP_CIPHER, openssl_delete<EVP_CIPHER_free>>;
using evp_context = std::unique_ptr<EVP_CIPHER_CTX, openssl_delete<EVP_CIPHER_CTX_free>>;
using text = std::vector<unsigned char>;

text numbers(std::size_t size, unsigned char from) {
    text made(size);
    std::iota(made.begin(), made.end(), from);
    return made;
}

struct sealed {
    text bytes;
    text tag;
    bool operator==(const sealed&) const = default;
};

const text key = numbers(32, 1);
const text nonce = numbers(12, 200);
const text associated = numbers(5, 90);

class aes_gcm_test : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (fastest_ciphers() == nullptr) GTEST_SKIP() << "this processor or this build has no faster one";
        ours_.reset(EVP_CIPHER_fetch(nullptr, GetParam(), fastest_ciphers()));
        theirs_.reset(EVP_CIPHER_fetch(nullptr, GetParam(), "provider=default"));
        ASSERT_TRUE(ours_ && theirs_);
        ASSERT_NE(EVP_CIPHER_get0_provider(ours_.get()), EVP_CIPHER_get0_provider(theirs_.get()));
    }

    /// As TLS 1.3 calls it; the message in pieces of `piece`.
    static std::optional<sealed> seal(const evp& by, const text& message, std::size_t piece) {
        const evp_context c(EVP_CIPHER_CTX_new());
        EVP_EncryptInit_ex(c.get(), by.get(), nullptr, nullptr, nullptr);
        if (EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_SET_IVLEN, 12, nullptr) != 1) return std::nullopt;
        if (EVP_EncryptInit_ex(c.get(), nullptr, nullptr, key.data(), nullptr) != 1) return std::nullopt;
        if (EVP_EncryptInit_ex(c.get(), nullptr, nullptr, nullptr, nonce.data()) != 1) return std::nullopt;
        sealed made{text(message.size()), text(16)};
        if (!pass(c, message, made.bytes, piece)) return std::nullopt;
        if (EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_GET_TAG, 16, made.tag.data()) != 1) return std::nullopt;
        return made;
    }

    static std::optional<text> open(const evp& by, sealed from, std::size_t piece) {
        const evp_context c(EVP_CIPHER_CTX_new());
        if (EVP_DecryptInit_ex(c.get(), by.get(), nullptr, key.data(), nonce.data()) != 1) return std::nullopt;
        if (EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_SET_TAG, 16, from.tag.data()) != 1) return std::nullopt;
        text made(from.bytes.size());
        return pass(c, from.bytes, made, piece) ? std::optional(made) : std::nullopt;
    }

    evp ours_;
    evp theirs_;

private:
    static bool pass(const evp_context& c, const text& from, text& to, std::size_t piece) {
        int n = 0;
        if (EVP_CipherUpdate(c.get(), nullptr, &n, associated.data(), 5) != 1) return false;
        for (std::size_t at = 0; at < from.size(); at += piece) {
            const auto size = static_cast<int>(std::min(piece, from.size() - at));
            if (EVP_CipherUpdate(c.get(), to.data() + at, &n, from.data() + at, size) != 1 || n != size) return false;
        }
        return EVP_CipherFinal_ex(c.get(), to.data(), &n) == 1 && n == 0;
    }
};

TEST_P(aes_gcm_test, makes_and_reads_what_openssl_does) {
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 255U, 256U, 769U, 1'000U, 4'096U, 16'384U, 16'385U, 100'000U}) {
        const auto message = numbers(size, 7);
        for (const std::size_t piece : {std::size_t{100'000}, std::size_t{333}}) {
            const auto made = seal(ours_, message, piece);
            EXPECT_EQ(made, seal(theirs_, message, 100'000)) << size << " bytes in pieces of " << piece;
            ASSERT_TRUE(made);
            EXPECT_EQ(open(ours_, *made, piece), message) << size << " bytes in pieces of " << piece;
        }
    }
}

TEST_P(aes_gcm_test, refuses_what_was_changed) {
    const auto whole = seal(ours_, numbers(1'000, 7), 1'000);
    ASSERT_TRUE(whole);
    auto changed = *whole;
    changed.bytes[999] ^= 1U;
    EXPECT_EQ(open(ours_, changed, 1'000), std::nullopt);
    changed = *whole;
    changed.tag[0] ^= 0x80U;
    EXPECT_EQ(open(ours_, changed, 1'000), std::nullopt);
}

TEST_P(aes_gcm_test, uses_no_nonce_twice) {
    const evp_context c(EVP_CIPHER_CTX_new());
    text bytes = numbers(32, 1);
    int n = 0;
    ASSERT_EQ(EVP_EncryptInit_ex(c.get(), ours_.get(), nullptr, key.data(), nonce.data()), 1);
    ASSERT_EQ(EVP_EncryptUpdate(c.get(), bytes.data(), &n, bytes.data(), 32), 1);
    ASSERT_EQ(EVP_EncryptFinal_ex(c.get(), bytes.data(), &n), 1);
    EXPECT_NE(EVP_EncryptUpdate(c.get(), bytes.data(), &n, bytes.data(), 32), 1);
}

/// records of TLS 1.2: nonce, message and tag in one place, by the calls that OpenSSL's record layer makes.
class records {
public:
    records(const evp& by, bool encrypts, std::size_t key_size) {
        const text short_key(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(key_size));
        text fixed = numbers(4, 50);
        EXPECT_EQ(EVP_CipherInit_ex(c_.get(), by.get(), nullptr, short_key.data(), nullptr, encrypts ? 1 : 0), 1);
        EXPECT_EQ(EVP_CIPHER_CTX_ctrl(c_.get(), EVP_CTRL_GCM_SET_IV_FIXED, 4, fixed.data()), 1);
    }

    [[nodiscard]] std::optional<text> seal(const text& message) {
        text r(8);
        r.insert(r.end(), message.begin(), message.end());
        if (!announce(r.size())) return std::nullopt;
        r.resize(r.size() + 16);
        int n = 0;
        const int done = EVP_CipherUpdate(c_.get(), r.data(), &n, r.data(), static_cast<int>(r.size()));
        return done == 1 && std::cmp_equal(n, r.size()) ? std::optional(r) : std::nullopt;
    }
    [[nodiscard]] std::optional<text> open(text r) {
        if (!announce(r.size())) return std::nullopt;
        int n = 0;
        if (EVP_CipherUpdate(c_.get(), r.data(), &n, r.data(), static_cast<int>(r.size())) != 1) return std::nullopt;
        return text(r.begin() + 8, r.begin() + 8 + n);
    }

private:
    bool announce(std::size_t size) {
        text header = numbers(8, static_cast<unsigned char>(count_++));
        for (const auto byte : {std::size_t{23}, std::size_t{3}, std::size_t{3}, size >> 8U, size & 0xffU})
            header.push_back(static_cast<unsigned char>(byte));
        const int added =
            EVP_CIPHER_CTX_ctrl(c_.get(), EVP_CTRL_AEAD_TLS1_AAD, static_cast<int>(header.size()), header.data());
        EXPECT_EQ(added, 16);
        return added == 16;
    }

    evp_context c_{EVP_CIPHER_CTX_new()};
    unsigned count_ = 0;
};

TEST_P(aes_gcm_test, exchanges_records_of_tls_1_2_with_openssl) {
    const auto key_size = static_cast<std::size_t>(EVP_CIPHER_get_key_length(ours_.get()));
    records our_sender(ours_, true, key_size);
    records our_receiver(ours_, false, key_size);
    records their_sender(theirs_, true, key_size);
    records their_receiver(theirs_, false, key_size);
    std::optional<text> before;
    for (const std::size_t size : {0U, 1U, 100U, 16'384U}) {
        const auto message = numbers(size, 3);
        const auto made = our_sender.seal(message);
        ASSERT_TRUE(made);
        EXPECT_EQ(their_receiver.open(*made), message);
        const auto given = their_sender.seal(message);
        ASSERT_TRUE(given);
        EXPECT_EQ(our_receiver.open(*given), message);
        // The numbers in front count on.
        if (before) {
            EXPECT_EQ(static_cast<unsigned char>(before->at(7) + 1), made->at(7));
        }
        before = made;
    }
    auto forged = their_sender.seal(numbers(100, 3));
    ASSERT_TRUE(forged);
    forged->at(50) ^= 1U;
    EXPECT_EQ(our_receiver.open(*forged), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(keys, aes_gcm_test, testing::Values("AES-128-GCM", "AES-256-GCM"),
                         [](const auto& parameter) { return std::string(parameter.param, 4, 3); });

}  // namespace
}  // namespace sallyport::net
