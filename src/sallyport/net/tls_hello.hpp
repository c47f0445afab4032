#pragma once
// What the first bytes of a connection say about TLS, without answering them: whether they are a ClientHello, and the
// session of ours that it asks to resume. So a connection can be led to its session before anybody takes the handshake on.
//
// The bytes are given to an OpenSSL connection that has our ticket key and session ids, no certificate and nobody to send
// to; it stops as soon as it has read the ticket or the id. Nothing is proved by that: whoever has seen it on the wire can
// send it. The handshake that follows proves it or fails. Any thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sallyport/net/tls.hpp>

namespace sallyport::net {

struct tls_hello {
    enum class kind : std::uint8_t {
        need_more,
        not_tls,
        new_session,  // a ClientHello, or something like it, with no ticket or session id of ours
        resumes,      // the session with this id context
    };
    kind is = kind::need_more;
    std::string session_id_context;
};

/// The longest ClientHello that is waited for.
inline constexpr std::size_t max_tls_hello = 16 * 1024;

/// What read_tls_hello() uses of a server's context.
[[nodiscard]] std::shared_ptr<ssl_ctx_st> make_hello_reader(ssl_ctx_st* of);

[[nodiscard]] tls_hello read_tls_hello(const tls_server_context& context, std::string_view bytes);

}  // namespace sallyport::net
