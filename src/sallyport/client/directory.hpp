#pragma once
// The working directory of a session on the server. Used on the thread of the connection's loop; the connection must
// outlive it.
//
// A directory is listed with CWD and a command without argument, since many servers pass an argument of LIST to `ls`,
// where blanks, a leading '-' and wildcards have another meaning, and some list the wrong directory without an error.
// Paths of the session's other calls are relative to the directory of the login, so the session returns there before it
// uses one.

#include <expected>
#include <optional>
#include <string>

#include <sallyport/client/connection.hpp>

namespace sallyport::client {

class directory {
public:
    explicit directory(connection& conn) : connection_(conn) {}

    /// The directory of the login; empty if the server does not report it. The first call asks the server.
    net::task<std::expected<std::string, proto::client_failure>> start();
    /// Changes from the start directory to `path`. A refusal is a failure at client_step::request with the code of the
    /// reply.
    net::task<std::optional<proto::client_failure>> enter(std::string path);
    /// Returns to the start directory, unless `next_path` is absolute.
    net::task<std::optional<proto::client_failure>> leave(std::string next_path);

private:
    connection& connection_;
    bool start_queried_ = false;
    /// Empty if the server did not report it.
    std::string start_;
    bool changed_ = false;
};

}  // namespace sallyport::client
