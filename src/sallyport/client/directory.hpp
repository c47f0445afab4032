#pragma once
// Which directory of the server a session is in.
//
// Directories are listed from inside, by CWD and a command without argument: many servers pass an argument of LIST to `ls`,
// where blanks, a leading '-' and wildcards mean something else, and some list the wrong directory without an error. Paths
// of the session's other calls start from the directory of the login, so the session returns there before it uses one. Used
// on the connection's loop; the connection must outlive it.

#include <optional>
#include <string>

#include <sallyport/client/connection.hpp>

namespace sallyport::client {

class directory {
public:
    explicit directory(connection& conn) : connection_(conn) {}

    /// From the start directory into `path`. A refusal is a failure at client_step::request with the reply's code.
    net::task<std::optional<proto::client_failure>> enter(std::string path);
    /// Back to the start directory, unless `next_path` is the same from everywhere.
    net::task<std::optional<proto::client_failure>> leave(std::string next_path);

private:
    connection& connection_;
    bool start_queried_ = false;
    std::string start_;  // empty: the server didn't say
    bool changed_ = false;
};

}  // namespace sallyport::client
