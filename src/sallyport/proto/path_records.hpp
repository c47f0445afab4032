#pragma once
// The paths in a relay session: the working directory, and the names that its commands changed, for transfer records.
//
// Owned by a relay machine, used on its thread. A value except for its callback.

#include <functional>
#include <string>
#include <string_view>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/working_directory.hpp>

namespace sallyport::proto {

/// A file or directory was deleted, created or renamed, or the server refused that.
struct path_change {
    // DELE, RMD, MKD or RNTO.
    verb command = verb::dele;
    // An absolute path.
    std::string path;
    // The name before RNTO.
    std::string from;
    // The working directory.
    std::string cwd;
    int reply = 0;
    // The text of the reply.
    std::string text;
};

/// The path in a command's argument. Options of LIST and NLST are not part of it.
[[nodiscard]] std::string_view path_argument(verb id, std::string_view argument) noexcept;
/// True for verbs whose argument is a path that records need, and for verbs that change the directory.
[[nodiscard]] bool names_path(verb id) noexcept;

struct path_records {
    working_directory directory;
    // The path of the last RNFR that was accepted.
    std::string rename_from;
    // The machine has sent a PWD of its own to learn the directory.
    bool pwd_sent = false;
    std::move_only_function<void(const path_change&)> on_change;

    /// The directory must be asked for, once, before a command whose path depends on it.
    [[nodiscard]] bool must_ask(verb id) noexcept;
    /// The final reply to a command for which names_path() is true, or to PWD.
    void reply_received(verb id, std::string_view argument, const reply& r);
    /// After another login or a change of the server.
    void reset();
};

}  // namespace sallyport::proto
