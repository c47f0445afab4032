#pragma once
// Logins from ~/.netrc, as ftp(1) has read them since 1983: "machine HOST login NAME password SECRET account NAME",
// "default ...". Macros (macdef) are skipped. The parser is pure; any thread.

#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

struct netrc_login {
    std::string user;
    std::optional<std::string> password;  // nothing: the entry has none
    std::string account;
};

/// The first entry for `host` and, where one is named, for `user`; `default` serves every host that has no entry of its own.
[[nodiscard]] std::optional<netrc_login> find_login(std::string_view netrc, std::string_view host,
                                                    const std::optional<std::string>& user);

/// The text of `path`; empty where there is no such file. errc::permission where others can read it (CL-06): then nothing in
/// it may be used.
[[nodiscard]] result<std::string> read_netrc(const std::string& path);

}  // namespace sallyport::client
