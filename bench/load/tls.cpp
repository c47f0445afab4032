#include <load/tls.hpp>

#include <array>
#include <string>

#include <openssl/err.h>

namespace sallyport::load {
namespace {

// One read call fills several records, so that the generator is not the slower side.
constexpr std::size_t read_ahead = 256 * 1024;

}  // namespace

result<ssl_context> make_client_context() {
    ssl_context context(SSL_CTX_new(TLS_client_method()));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set_cipher_list(context.get(), "ECDHE-ECDSA-AES256-GCM-SHA384") != 1) {
        return std::unexpected(tls_error("preparing TLS"));
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    // Some servers close data connections without close_notify; that is not a failure of the measurement.
    SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_default_read_buffer_len(context.get(), read_ahead);
    return context;
}

error tls_error(const char* during) {
    std::array<char, 256> words{};
    const auto code = ERR_get_error();
    ERR_error_string_n(code, words.data(), words.size());
    ERR_clear_error();
    return {errc::tls, 0, std::string(during) + ": " + (code == 0 ? "connection closed" : words.data())};
}

}  // namespace sallyport::load
