#pragma once
// What a server permits an account, found by trying: commands, rights, hidden names, modes of uploads, TLS. The results are
// compared with those of another server.
//
// Everything happens in a directory that is made for it, or, where that is refused, with names in the directory of the login
// that do not exist there; what was there before is only listed. What was made is removed in the end. A coroutine that runs
// on the caller's loop; its arguments must outlive it.

#include <optional>
#include <string>
#include <vector>

#include <sallyport/client/client.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::cli {

struct probe_result {
    // "overwrite a file"
    std::string name;
    // "226", "550", "mode 0640".
    std::string value;
};

struct server_probes {
    std::vector<probe_result> results;
    // The server could not be reached, or ended the session: nothing can be compared.
    std::optional<client::failure> failure;
    // Names that could not be removed.
    std::vector<std::string> remaining;
};

struct probe_settings {
    client::url server;
    client::options how;
    // Names that are uploaded, listed and downloaded, to find out whether the server hides or refuses them.
    std::vector<std::string> names;
};

net::task<> probe_server(net::loop& loop, const probe_settings& settings, server_probes& out);

struct probe_difference {
    std::string name;
    // "-": there was no such probe.
    std::string before;
    std::string after;
    bool is_same = false;
};

/// In the order of the old server's results, then what only the new one has.
[[nodiscard]] std::vector<probe_difference> compare_probes(const std::vector<probe_result>& before,
                                                           const std::vector<probe_result>& after);

}  // namespace sallyport::cli
