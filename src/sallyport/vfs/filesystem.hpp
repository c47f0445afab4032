#pragma once
// Virtual paths to files beneath a root, without escape (FS-01, FS-02).
//
// `filesystem` is abstract because faults must be testable; it has two kinds of implementation: the real one
// (posix_filesystem, openat2 with RESOLVE_BENEATH from a descriptor of the root) and test doubles. Calls are synchronous
// and may block on the disk: callers run them on a worker pool, or with may_block::no, where a call that would have to
// wait fails with errc::busy instead and is then repeated on the pool. Implementations are safe to use from several
// threads at a time; files they return belong to one user at a time, a directory may be read by several.
// A file system is shared and lives as long as a session or a file of it; a file is owned by its transfer. Sizes and offsets
// are in bytes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/virtual_path.hpp>

namespace sallyport::vfs {

enum class may_block : bool { no, yes };

enum class file_type : std::uint8_t { file, directory, link, other };

struct status {
    file_type type = file_type::file;
    std::uint64_t size = 0;
    // Seconds since 1970.
    std::int64_t modified = 0;
    // Permission bits.
    std::uint32_t mode = 0;
    std::uint32_t links = 1;
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
};

struct entry {
    std::string name;
    status facts;
    // For links; empty where it leads out of the root, or could not be read.
    std::string link_target;
};

/// A regular file opened for reading. What a reader sees stays the old file when an upload replaces it (FS-10).
class read_file {
public:
    virtual ~read_file() = default;
    // As of opening.
    [[nodiscard]] virtual const status& facts() const noexcept = 0;
    /// For sendfile; -1 where there is no descriptor (memory files): use read_at.
    [[nodiscard]] virtual int descriptor() const noexcept = 0;
    /// Fewer bytes than asked only at the end of the file. With may_block::no, errc::busy where some are not in memory.
    [[nodiscard]] virtual result<std::size_t> read_at(std::uint64_t offset, std::span<char> into, may_block wait) = 0;
    /// True where these bytes can be read now without waiting for the disk.
    [[nodiscard]] virtual bool resident(std::uint64_t offset, std::uint64_t count) = 0;
    /// Brings bytes into memory; blocks.
    [[nodiscard]] virtual result<void> load(std::uint64_t offset, std::uint64_t count) = 0;
};

/// What an upload does with the name at its end.
enum class store_mode : std::uint8_t {
    // STOR: the old content stands until commit, then is replaced at once.
    replace,
    // STOU, or where overwriting is not allowed: commit fails with errc::exists.
    create_only,
    // REST n + STOR: a copy of the old content up to the offset, then new bytes.
    resume,
    // APPE: the old content, then new bytes.
    append,
};

/// How sure a 226 is (DU-01).
enum class sync_policy : std::uint8_t {
    // File and directory synced before commit() returns.
    full,
    // Left to the system.
    none,
};

/// An upload in the making: invisible until commit() (DU-02). Destroyed without commit it leaves nothing behind.
class store_file {
public:
    virtual ~store_file() = default;
    /// errc::no_space, quota, io. After an error only destruction is left.
    [[nodiscard]] virtual result<void> write(std::span<const char> bytes) = 0;
    /// The next `count` bytes of a pipe, which must hold them; without copying where the file system can.
    [[nodiscard]] virtual result<void> write_from(int pipe, std::size_t count);
    // Of the file as it would be committed now.
    [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
    /// Puts the file in its place. No second call. What it replaced is given up with this object, which may take a while.
    [[nodiscard]] virtual result<void> commit() = 0;
};

/// A directory being read, in batches. Entries that vanish meanwhile are left out; ".", ".." are never returned, nor are
/// the temporary names of uploads. Any thread: what one call appends no other call does.
class directory {
public:
    virtual ~directory() = default;
    /// Appends the next batch, at most `batch` entries; nothing appended means the end.
    [[nodiscard]] virtual result<void> read(std::vector<entry>& into) = 0;

    static constexpr std::size_t batch = 1024;
};

class filesystem {
public:
    virtual ~filesystem() = default;

    /// Follows links beneath the root; a link that leads out is errc::not_found.
    [[nodiscard]] virtual result<status> stat(const virtual_path& path, may_block wait) = 0;
    [[nodiscard]] virtual result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) = 0;
    /// `offset` is for `resume` only; beyond the end of the old file it is errc::out_of_range. With may_block::no,
    /// errc::busy unless neither this nor what is done with the file will wait for a disk: where files live in memory.
    [[nodiscard]] virtual result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode,
                                                                         std::uint64_t offset, may_block wait) = 0;
    [[nodiscard]] virtual result<std::unique_ptr<directory>> open_directory(const virtual_path& path) = 0;

    [[nodiscard]] virtual result<void> make_directory(const virtual_path& path) = 0;
    [[nodiscard]] virtual result<void> remove_directory(const virtual_path& path) = 0;
    [[nodiscard]] virtual result<void> remove_file(const virtual_path& path) = 0;
    /// Replaces a file at `to`. Links are renamed, never followed.
    [[nodiscard]] virtual result<void> rename(const virtual_path& from, const virtual_path& to) = 0;
    [[nodiscard]] virtual result<void> set_modified(const virtual_path& path, std::int64_t seconds) = 0;
};

}  // namespace sallyport::vfs
