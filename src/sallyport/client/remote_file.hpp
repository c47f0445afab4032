#pragma once
// What a server says of one file, without a data connection. Used on the connection's loop.

#include <cstdint>
#include <optional>
#include <string>

#include <sallyport/client/connection.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::client {

/// By MDTM; nothing if the server can't or won't say it.
net::task<std::optional<std::int64_t>> modification_time(connection& conn, std::string path);

struct file_query_result {
    std::optional<proto::client_failure> failure;  // the session has ended
    std::optional<proto::entry> file;              // it is there, and no directory
    bool is_supported = false;                     // the server knows one of the commands that ask for it
};

/// By MLST, else by SIZE and MDTM. The entry's name is the last component of `path`, whatever the server calls it.
net::task<file_query_result> query_file(connection& conn, std::string path);

/// The part behind the last '/'.
[[nodiscard]] std::string last_component(const std::string& path);

}  // namespace sallyport::client
