#pragma once
// Logins from ~/.netrc in the format of ftp(1): "machine HOST login NAME password SECRET account NAME", "default ...".
// Macros (macdef) are skipped. Pure functions on values, except read_netrc(), which reads a file; any thread.

#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

struct netrc_login {
    std::string user;
    /// Nothing if the entry has none.
    std::optional<std::string> password;
    std::string account;
};

/// The first entry for `host` and, if one is given, for `user`. `default` matches every host without an entry.
[[nodiscard]] std::optional<netrc_login> find_login(std::string_view netrc, std::string_view host,
                                                    const std::optional<std::string>& user);

/// The text of `path`; empty if there is no such file. errc::permission if other users can read it (CL-06); then nothing in
/// it may be used.
[[nodiscard]] result<std::string> read_netrc(const std::string& path);

}  // namespace sallyport::client
