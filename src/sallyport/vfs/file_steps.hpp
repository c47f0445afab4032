#pragma once
// Steps of storing a file that the system does in pieces, or in several ways: bytes are written and copied completely, an
// open file gets a name, a directory is synced. Functions on descriptors that the caller owns, for any thread; they block on
// the disk. Errors name `display_path`.

#include <cstdint>
#include <span>
#include <string>

#include <sallyport/base/error.hpp>

namespace sallyport::vfs {

[[nodiscard]] result<void> write_at(int fd, std::span<const char> bytes, std::uint64_t offset,
                                    const std::string& display_path);

/// Copies `count` bytes of `from` at offset `at` to offset `into` of `to`: inside the kernel if possible, otherwise through
/// a buffer.
[[nodiscard]] result<void> copy_range(int from, std::uint64_t at, int to, std::uint64_t into, std::uint64_t count,
                                      const std::string& display_path);

/// Clones the first `count` bytes of `from` into the empty file `to`. Returns false if the file system does not support it.
[[nodiscard]] result<bool> clone_start(int from, int to, std::uint64_t count, const std::string& display_path);

/// Whether the open file is the one that has this name now.
[[nodiscard]] bool is_named(int file, int parent, const std::string& name);

/// Locks a temporary file as in use, so that it is not removed as a leftover (leftovers.hpp). Returns false if it was
/// removed already. Without working locks, no leftover is removed.
[[nodiscard]] bool lock_temporary(int file);

/// Gives the open file a name in this directory; it never replaces a file. Returns an errno, or 0.
[[nodiscard]] int link_to(int file, int parent, const char* name) noexcept;
/// The same in place of a file that has the name. Only rename can replace, and it needs a name to rename from: the file has
/// a temporary one for a short time.
[[nodiscard]] int link_replacing(int file, int parent, const char* name);

/// `file`: one in the directory `parent`.
[[nodiscard]] result<void> sync_directory(int parent, int file, const std::string& display_path);

/// The error of an upload that would leave a gap.
[[nodiscard]] std::unexpected<error> cannot_continue(const std::string& display_path, std::uint64_t at,
                                                     std::uint64_t length);

/// Of the error of a disk that writes nothing, after the path.
inline constexpr const char* no_progress_text = ": the disk accepts no more bytes";

}  // namespace sallyport::vfs
