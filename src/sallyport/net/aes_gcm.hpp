#pragma once
// AES-GCM on the widest registers of the processor, for OpenSSL before 3.1, which leaves them idle: a large transfer under
// TLS is mostly AES, and this is two to three times as fast. The work is done by Intel's library (libipsec-mb); here is what
// OpenSSL needs to find it, a provider with the two ciphers (NIST SP 800-38D, RFC 8446 section 5.2, RFC 5288).

namespace sallyport::net {

/// What a TLS context has to ask for to be given the fastest ciphers (`propq` of SSL_CTX_new_ex); nullptr where OpenSSL's
/// own are, or where this program was built without the library. Lives as long as the process. Any thread.
[[nodiscard]] const char* fastest_ciphers();

}  // namespace sallyport::net
