#pragma once
// A file system whose files are limited in number and in bytes (FS-09).
//
// What a root contains is counted by the first call that could make it grow, and kept by the differences that each change
// makes, as long as there is a file system with this root. Unfinished uploads reserve their growth before each write, so
// that several at a time can't exceed the limits together. If a limit refuses something, or a change failed half-way, the
// files are counted again: what other programs have removed is free again.
//
// All file systems of this process with the same root share one count. Counted are the sizes of files, and the number of
// files, links and directories; files with several names are counted once for each.
//
// Any thread; blocks on the disk, and on changes below the same root. With may_block::no, uploads are errc::busy. Shared:
// lives as long as a session or a file of it. A refusal is errc::quota.

#include <cstdint>
#include <memory>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

/// 0: no limit.
struct quota_limits {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;
    friend bool operator==(const quota_limits&, const quota_limits&) = default;
};

/// `files` without a view that hides some of them.
[[nodiscard]] result<std::shared_ptr<filesystem>> limit_files(std::shared_ptr<filesystem> files, const quota_limits& limits);

}  // namespace sallyport::vfs
