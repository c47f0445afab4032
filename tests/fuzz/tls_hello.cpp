// The first bytes of a connection, inspected for TLS before any reply.
// - A decision on some bytes does not change with further bytes, and there is a decision after a limited number of bytes.
// - No hello resumes a session that did not exist.

#include <sallyport/net/tls_hello.hpp>

#include "fuzz.hpp"

namespace {

const sallyport::net::tls_server_context& server() {
    static const auto made = [] {
        const auto own = sallyport::net::make_self_signed({"localhost"}, 30);
        return *sallyport::net::tls_server_context::from_pem(own->certificate, own->key);
    }();
    return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using sallyport::fuzz::check;
    using kind = sallyport::net::tls_hello::kind;
    const auto bytes = sallyport::fuzz::text_of(data, size);
    const auto whole = sallyport::net::read_tls_hello(server(), bytes);
    check(whole.is != kind::resumes && whole.session_id_context.empty(), "no session is there to resume");
    check(whole.is != kind::need_more || size < sallyport::net::max_tls_hello, "there is an end to waiting");
    check(bytes.empty() || (whole.is == kind::not_tls) == (bytes[0] != '\x16'), "the first byte says what it is");
    for (const auto part : {size / 2, size - std::min<std::size_t>(size, 1)}) {
        const auto early = sallyport::net::read_tls_hello(server(), bytes.substr(0, part));
        check(early.is == kind::need_more || early.is == whole.is, "what is decided stays so");
    }
    return 0;
}
