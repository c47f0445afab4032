#pragma once
// Test support: a file system that wraps another one and fails on demand: a full disk at the third write, EIO at the sync of
// a commit, a hanging disk. Any thread. Test and file system share the plan, which lives as long as either.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

enum class operation : std::uint8_t {
    stat,
    open_read,
    // read_at.
    read,
    // read_file::load.
    load,
    open_store,
    write,
    commit,
    open_directory,
    // directory::read.
    list,
    // make_directory, remove_*, rename, set_modified, set_mode.
    change,
};

/// The planned faults. A faulty file system shares it with all files that it opened.
class fault_plan {
public:
    /// The `nth` call from now on (1: the next) fails, once.
    void fail_at(operation which, std::size_t nth, errc code);
    /// Calls hang until release(). While they do, resident() says false and may_block::no calls give errc::busy, as with a
    /// disk that does not answer.
    void hang(operation which);
    void release();
    /// Waits until `count` calls hang.
    void wait_until_hanging(std::size_t count);
    /// The number of calls.
    [[nodiscard]] std::size_t calls(operation which) const;

    /// For the implementation: hangs, then returns whether to fail.
    [[nodiscard]] result<void> pass(operation which, may_block wait = may_block::yes);
    [[nodiscard]] bool hangs(operation which) const;

private:
    struct fault {
        operation which;
        std::size_t left;
        errc code;
    };
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<fault> faults_;
    std::vector<operation> hung_;
    std::size_t hanging_ = 0;
    std::map<operation, std::size_t> calls_;
};

[[nodiscard]] std::shared_ptr<filesystem> make_faulty_filesystem(std::shared_ptr<filesystem> real,
                                                                 std::shared_ptr<fault_plan> plan);

}  // namespace sallyport::vfs
