#pragma once
// What a relay machine knows of paths, for the records: the session's directory, and the names that its commands changed. A
// value, but for the function that is told.

#include <functional>
#include <string>
#include <string_view>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/working_directory.hpp>

namespace sallyport::proto {

/// A file or directory was deleted, made or renamed, or the server refused to.
struct path_change {
    verb command = verb::dele;  // DELE RMD MKD RNTO
    std::string path;           // absolute
    std::string from;           // RNTO: the name before
    std::string cwd;
    int reply = 0;
    std::string text;  // of the reply
};

/// A LIST's or NLST's options are no part of its path.
[[nodiscard]] std::string_view path_argument(verb id, std::string_view argument) noexcept;
/// Verbs whose argument is a path that records need, or that change the directory.
[[nodiscard]] bool names_path(verb id) noexcept;

struct path_records {
    working_directory directory;
    std::string rename_from;  // of the last RNFR that was accepted
    bool pwd_sent = false;    // for the directory
    std::move_only_function<void(const path_change&)> on_change;

    /// The final reply to a command that names_path(), or to PWD.
    void reply_received(verb id, std::string_view argument, const reply& r);
    /// Another login, another server.
    void reset();
};

}  // namespace sallyport::proto
