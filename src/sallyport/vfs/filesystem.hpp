#pragma once
// The interface of file systems: files and directories beneath a root, which virtual paths cannot leave (FS-01, FS-02).
//
// `filesystem` is abstract so that faults can be tested; its implementations are posix_filesystem and test doubles. Calls
// are synchronous and may block on the disk: callers run them on a worker pool, or with may_block::no. Then a call that
// would have to wait fails with errc::busy and is repeated on the pool. Implementations may be used by several threads at a
// time; a file by one thread at a time, and a directory by several. A file system is shared and lives as long as a session
// or a file of it; a file is owned by its transfer. Sizes and offsets are in bytes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
    // For links; empty if the target is outside the root or could not be read.
    std::string link_target;
};

/// A regular file opened for reading. If an upload replaces the file, the reader still reads the old one (FS-10).
class read_file {
public:
    virtual ~read_file() = default;
    // The status when the file was opened.
    [[nodiscard]] virtual const status& facts() const noexcept = 0;
    /// For sendfile. -1 if there is no descriptor (files in memory); use read_at then.
    [[nodiscard]] virtual int descriptor() const noexcept = 0;
    /// Returns fewer bytes than requested only at the end of the file. With may_block::no, errc::busy if some of them are
    /// not in memory.
    [[nodiscard]] virtual result<std::size_t> read_at(std::uint64_t offset, std::span<char> into, may_block wait) = 0;
    /// True if these bytes can be read now without waiting for the disk.
    [[nodiscard]] virtual bool resident(std::uint64_t offset, std::uint64_t count) = 0;
    /// Loads bytes into memory; blocks.
    [[nodiscard]] virtual result<void> load(std::uint64_t offset, std::uint64_t count) = 0;
};

/// How an upload treats an existing file.
enum class store_mode : std::uint8_t {
    // STOR: the old file is kept until commit(), which replaces it atomically.
    replace,
    // STOU, or if overwriting is not allowed: commit() fails with errc::exists.
    create_only,
    // REST n and STOR: the old content up to the offset, then the new bytes.
    resume,
    // APPE: the old content, then the new bytes.
    append,
};

/// What a rename does if its target exists.
enum class existing_target : bool {
    // It fails with errc::exists.
    keep,
    replace,
};

/// What is on the disk when a 226 is sent (DU-01).
enum class sync_policy : std::uint8_t {
    // commit() syncs the file and its directory before it returns.
    full,
    // The system decides when to write.
    none,
};

/// An unfinished upload, invisible until commit() (DU-02). If it is destroyed without commit(), it leaves no file.
class store_file {
public:
    virtual ~store_file() = default;
    /// Copies the old content that the upload continues, until `until`; true if nothing is left to copy, otherwise it is to
    /// be called again. The first write() or commit() copies what is left. Errors as for write().
    [[nodiscard]] virtual result<bool> prepare(std::chrono::steady_clock::time_point until);
    /// Errors: errc::no_space, quota, io. After an error the object can only be destroyed.
    [[nodiscard]] virtual result<void> write(std::span<const char> bytes) = 0;
    /// Writes the next `count` bytes of a pipe, which must contain them; without copying if the file system supports it.
    [[nodiscard]] virtual result<void> write_from(int pipe, std::size_t count);
    // The size that the file would have if it were committed now.
    [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
    /// Gives the file its name. Must not be called twice. A replaced file is freed when this object is destroyed, which can
    /// take some time.
    [[nodiscard]] virtual result<void> commit() = 0;
};

/// A directory that is read in batches. Temporary names of uploads are not returned, nor are "." and "..". Any thread,
/// several at a time: each name is returned by one call only.
class directory {
public:
    virtual ~directory() = default;
    /// Appends the next batch, at most `batch` names. Appends nothing at the end.
    [[nodiscard]] virtual result<void> read_names(std::vector<std::string>& into) = 0;
    /// Looks up the entry `item.name`, a name that read_names() returned. False if it was removed meanwhile or must not be
    /// shown.
    [[nodiscard]] virtual result<bool> find(entry& item) = 0;
    /// The next read_names() starts at the beginning again.
    [[nodiscard]] virtual result<void> rewind() = 0;

    /// Appends the entries of the next batch. Appends nothing at the end.
    [[nodiscard]] result<void> read(std::vector<entry>& into);

    // Small enough that the lines of one batch fit into a small block of a listing.
    static constexpr std::size_t batch = 256;
};

class filesystem {
public:
    virtual ~filesystem() = default;

    /// Follows links beneath the root; a link to a target outside is errc::not_found.
    [[nodiscard]] virtual result<status> stat(const virtual_path& path, may_block wait) = 0;
    [[nodiscard]] virtual result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) = 0;
    /// open_read() for a text that the server itself shows in a reply: a name that a view hides because of its form is no
    /// obstacle.
    [[nodiscard]] virtual result<std::unique_ptr<read_file>> open_text(const virtual_path& path, may_block wait) {
        return open_read(path, wait);
    }
    /// `offset` is for `resume` only; beyond the end of the old file it is errc::out_of_range. With may_block::no,
    /// errc::busy unless neither this call nor any use of the file can wait for a disk: the files must be in memory.
    [[nodiscard]] virtual result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode,
                                                                         std::uint64_t offset, may_block wait) = 0;
    /// An upload of `path`, a new file, that is not lost if it is cut off: what is written is in the file `part` in the same
    /// directory, whose first `offset` bytes, or all, are kept. commit() gives it the name `path`; `existing`: whether that
    /// may replace a file that has appeared meanwhile, which is for an upload from the beginning only. Without commit(),
    /// `part` stays unless it is empty. The last byte of a part does not count, so that a client who compares sizes never
    /// takes it for the whole file. errc::busy while another upload has it open, errc::not_a_file if it is something else.
    /// May block on the disk.
    [[nodiscard]] virtual result<std::unique_ptr<store_file>> open_part(const virtual_path& part, const virtual_path& path,
                                                                        std::optional<std::uint64_t> offset,
                                                                        existing_target existing);
    /// The offset from which such a file can be continued, at least 1; errc::busy while an upload has it open. May block on
    /// the disk.
    [[nodiscard]] virtual result<std::uint64_t> part_size(const virtual_path& part);
    [[nodiscard]] virtual result<std::unique_ptr<directory>> open_directory(const virtual_path& path) = 0;

    [[nodiscard]] virtual result<void> make_directory(const virtual_path& path) = 0;
    [[nodiscard]] virtual result<void> remove_directory(const virtual_path& path) = 0;
    [[nodiscard]] virtual result<void> remove_file(const virtual_path& path) = 0;
    /// Links are renamed, never followed.
    [[nodiscard]] virtual result<void> rename(const virtual_path& from, const virtual_path& to,
                                              existing_target existing = existing_target::replace) = 0;
    [[nodiscard]] virtual result<void> set_modified(const virtual_path& path, std::int64_t seconds) = 0;
    /// `mode`: permission bits up to 0777; set-id bits are removed (FS-04).
    [[nodiscard]] virtual result<void> set_mode(const virtual_path& path, std::uint32_t mode) = 0;
    /// The bytes that uploads into this directory may need.
    [[nodiscard]] virtual result<std::uint64_t> free_bytes(const virtual_path& directory) = 0;
};

}  // namespace sallyport::vfs
