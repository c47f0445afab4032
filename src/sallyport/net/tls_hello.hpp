#pragma once
// Reads the first bytes of a connection without answering them: whether they are a TLS ClientHello, which session of this
// server it asks to resume, and which server name it requests (SNI, RFC 6066 section 3). So a connection can be assigned to
// its session, or TLS to its end, before the handshake.
//
// The bytes are passed to an OpenSSL connection that has the server's ticket keys and session IDs, but neither a certificate
// nor an output; it stops once it has read the ticket or the ID. That does not authenticate the client, as anyone who has
// seen the ticket on the network can send it; only the following handshake does. Pure functions of their arguments, on any
// thread, but for peek_tls_hello().

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::net {

struct tls_hello {
    enum class kind : std::uint8_t {
        need_more,
        not_tls,
        // A ClientHello, or similar bytes, without a ticket or session ID of this server.
        new_session,
        // It asks to resume the session with this ID context.
        resumes,
    };
    kind is = kind::need_more;
    std::string session_id_context{};
    // Text of the peer; empty if it requests no name. Only in a complete ClientHello.
    std::string server_name{};
};

/// Maximum size of a ClientHello; after this many bytes the result is never `need_more`.
inline constexpr std::size_t max_tls_hello = 16 * 1024;

/// Makes the OpenSSL context for read_tls_hello() from a server's context.
[[nodiscard]] std::shared_ptr<ssl_ctx_st> make_hello_reader(ssl_ctx_st* of);

[[nodiscard]] tls_hello read_tls_hello(const tls_server_context& context, std::string_view bytes);

/// Waits for the peer's complete ClientHello, or for bytes that are none, and leaves all of it to be read. The result is
/// never `need_more`. On the stream's loop.
task<result<tls_hello>> peek_tls_hello(const stream& from, const tls_server_context& context, time_limit limit);

}  // namespace sallyport::net
