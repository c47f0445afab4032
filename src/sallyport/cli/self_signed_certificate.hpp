#pragma once
// Certificates that we make ourselves: that of 'sallyport up', made once per user and kept, so that a client that trusted it
// goes on doing so; and the files of 'sallyport cert'.

#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::cli {

inline constexpr int certificate_days = 825;  // the longest that common clients take

struct self_signed_certificate {
    net::tls_server_context context;
    std::string file;  // the certificate, for clients' --cacert; empty where it could only be kept in memory
    std::string key;   // its file, likewise
};

/// Takes the one in $XDG_STATE_HOME/sallyport (or ~/.local/state/sallyport) where it is still good for all of `addresses`,
/// or makes one for this host's names and these: the addresses by which it is reached.
[[nodiscard]] result<self_signed_certificate> load_or_make_certificate(const std::vector<std::string>& addresses);

/// Writes a file that was not there before. errc::exists.
[[nodiscard]] result<void> write_new_file(const std::string& path, const std::string& text, unsigned mode);

}  // namespace sallyport::cli
