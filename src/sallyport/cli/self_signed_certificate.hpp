#pragma once
// Self-signed certificates: that of 'sallyport up', which is made once per user and stored, so that a client that trusts
// it continues to do so; and the files of 'sallyport cert'. Values and functions without state; the main thread.

#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/user_directories.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::cli {

/// Maximum that common clients accept.
inline constexpr int certificate_days = 825;

struct self_signed_certificate {
    net::tls_server_context context;
    /// File of the certificate, for clients' --cacert; empty if it is only in memory.
    std::string file;
    /// File of the private key; empty if it is only in memory.
    std::string key;
};

/// Loads the certificate in state_directory() if it is valid for all of `addresses`;
/// otherwise makes one for the names of this host and these addresses, under which clients connect.
[[nodiscard]] result<self_signed_certificate> load_or_make_certificate(const std::vector<std::string>& addresses);

/// Creates a file; errc::exists if there is one.
[[nodiscard]] result<void> write_new_file(const std::string& path, const std::string& text, unsigned mode);

}  // namespace sallyport::cli
