#pragma once
// What a process leaves to the program that takes its place: its listening sockets, the names of what it found to be down,
// and a line on which the successor says that it is ready, or why it isn't, and later gives connections back.
//
// Passed on through exec: descriptors from 3 on, as many as the environment says, and names there. Nothing is closed before
// the successor is ready, so no connection is refused in between.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {

struct inheritance {
    std::vector<unique_fd> sockets;
    std::vector<std::string> down;
};
/// What a predecessor left us; nothing where there is none. Once, before threads are started.
[[nodiscard]] inheritance take_inheritance();
[[nodiscard]] bool has_predecessor() noexcept;
/// Told once: an empty text says that we are ready. Nothing happens without a predecessor.
void tell_predecessor(std::string_view failure);
/// A copy of the line: reading from it ends when the predecessor is gone. Not open without one.
[[nodiscard]] unique_fd predecessor_line();

/// Any thread: gives it a connection that belongs to one of its sessions. False where it is gone, or has no room.
[[nodiscard]] bool pass_to_predecessor(int connection);
/// The other end of that. errc::busy: there is none now; errc::closed: there will be none.
[[nodiscard]] result<unique_fd> take_passed(int line);

struct successor {
    int pid = 0;
    unique_fd line;  // non-blocking
};

struct estate {
    std::vector<int> sockets;
    std::vector<std::string> down;  // names without blanks
};
/// Starts `program`, with the words that this process was started with, and leaves it copies of `what`.
[[nodiscard]] result<successor> start_successor(const std::string& program, const estate& what);

/// Where this program was installed when it was started: a new one will be there under the same name.
[[nodiscard]] std::string own_program();

}  // namespace sallyport::cli
