#pragma once
// Queries about one file of the server, without a data connection. Functions on the thread of the connection's loop; the
// connection must outlive the calls.

#include <cstdint>
#include <optional>
#include <string>

#include <sallyport/client/connection.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::client {

/// The time in a reply to MDTM, in seconds since 1970; nothing if there is none.
[[nodiscard]] std::optional<std::int64_t> time_in(const proto::reply& r);

/// The result of MDTM; nothing if the server does not report it.
net::task<std::optional<std::int64_t>> modification_time(connection& conn, std::string path);

struct file_query_result {
    /// The session has ended.
    std::optional<proto::client_failure> failure;
    std::optional<proto::entry> file;
    /// The server supports at least one of the commands.
    bool is_supported = false;
    /// MLST has answered, which also knows directories.
    bool has_directories = false;
};

/// Queries with MLST, or with SIZE and MDTM if MLST is not supported. The name of the entry is the last component of `path`.
net::task<file_query_result> query_entry(connection& conn, std::string path);
/// The same; nothing for a directory.
net::task<file_query_result> query_file(connection& conn, std::string path);

/// The part after the last '/'.
[[nodiscard]] std::string last_component(const std::string& path);
/// The part before it, which ends with '/'; empty if there is none.
[[nodiscard]] std::string directory_part(const std::string& path);
/// The same as a path of its own: without the '/', unless it is the root.
[[nodiscard]] std::string parent_of(const std::string& path);

}  // namespace sallyport::client
