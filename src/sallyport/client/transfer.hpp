#pragma once
// One file that is to be moved: what, from where, to where, and how far it is. A value; it outlives the connections that
// move the file. Used by one thread at a time: while it runs, by that of the session, otherwise by that of its owner.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/client/client.hpp>
#include <sallyport/client/local_tree.hpp>
#include <sallyport/client/verdict.hpp>

namespace sallyport::client {

enum class transfer_state : std::uint8_t {
    waiting,
    done,
    /// Nothing had to be moved: the file exists, and the options say that it stays.
    skipped,
    failed,
    /// Ended by the user, or not begun because of that.
    cancelled
};

struct transfer {
    direction way = direction::download;
    /// Path on the server.
    std::string remote;
    std::shared_ptr<const local_tree> tree;
    /// Path below `tree`, with slashes.
    std::string local;
    /// For a download: what the listing said of the file; nothing if it was not listed.
    std::optional<listed_file> listed;

    transfer_state state = transfer_state::waiting;
    /// On how many connections it was begun.
    int tries = 0;
    /// What was moved on the connection that completed it, or on the last one.
    std::uint64_t bytes = 0;
    /// Why it failed.
    std::optional<failure> why;
    /// After upload_mode::unique, the name that the server chose.
    std::string stored_as;
    /// After an upload, the server had no such file: it moves or hides uploads at once.
    bool moved_away = false;
    /// The partial file that was kept.
    std::string partial_file;
    std::vector<std::string> warnings;
};

}  // namespace sallyport::client
