#pragma once
// Which directory of the server a session is in.
//
// Directories are listed from inside, by CWD and a command without argument: many servers pass an argument of LIST to `ls`,
// where blanks, a leading '-' and wildcards mean something else, and some list the wrong directory without an error. Paths
// of the session's other calls start from the directory of the login, so the session returns there before it uses one. Used
// on the conversation's loop; the conversation must outlive it.

#include <optional>
#include <string>

#include <sallyport/client/conversation.hpp>

namespace sallyport::client {

/// One command without data. Nothing: there is a final reply, which the machine's last_reply() has.
net::task<std::optional<proto::client_failure>> request(conversation& talk, proto::verb what, std::string argument);

class directory {
public:
    explicit directory(conversation& talk) : talk_(talk) {}

    /// From the start directory into `path`. A refusal is a failure at client_step::request with the reply's code.
    net::task<std::optional<proto::client_failure>> enter(std::string path);
    /// Back to the start directory, unless `next_path` is the same from everywhere.
    net::task<std::optional<proto::client_failure>> leave(std::string next_path);

private:
    conversation& talk_;
    bool asked_ = false;
    std::string start_;  // empty: the server didn't say
    bool away_ = false;
};

}  // namespace sallyport::client
