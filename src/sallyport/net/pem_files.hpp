#pragma once
// Reads certificates and keys from PEM files with base/open_file.hpp, so that a process that has given up its rights can
// read them again. For use inside net only; any thread. The caller owns what is returned; functions that read block on the
// disk.

#include <cstddef>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/net/openssl.hpp>

struct ssl_ctx_st;

namespace sallyport::net {

/// Reads the text in place; it must outlive the reader.
[[nodiscard]] bio_ptr reader_of(std::string_view text);

/// The text of a file. `role` is for the error: "certificate", "key".
[[nodiscard]] result<std::string> read_pem_file(const std::string& path, std::string_view role);

/// Makes the context accept certificates of the CAs in this file. `announce`: a server sends their names to its clients.
[[nodiscard]] result<void> trust_certificates_of(ssl_ctx_st* context, const std::string& path, bool announce);

}  // namespace sallyport::net
