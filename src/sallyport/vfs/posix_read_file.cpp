#include <sallyport/vfs/posix_read_file.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace sallyport::vfs {
namespace {

// With a larger page size, resident() only makes an unnecessary system call.
constexpr std::uint64_t page = 4096;
constexpr std::uint64_t load_step = 128 * 1024;

class posix_read_file final : public read_file {
public:
    posix_read_file(unique_fd fd, const status& facts, std::string display_path)
        : fd_(std::move(fd)), facts_(facts), display_path_(std::move(display_path)) {}

    const status& facts() const noexcept override { return facts_; }
    int descriptor() const noexcept override { return fd_.get(); }

    result<std::size_t> read_at(std::uint64_t offset, std::span<char> into, may_block wait) override {
        std::size_t done = 0;
        while (done < into.size()) {
            const auto n = read_some(offset + done, into.subspan(done), wait);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && wait == may_block::no && errno == EAGAIN) return fail(errc::busy, display_path_);
            if (n < 0) return fail_os(errno, display_path_);
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    // Checks the first and the last byte only: the kernel reads ahead in order, and drops old pages first.
    bool resident(std::uint64_t offset, std::uint64_t count) override {
        if (in_memory_ || count == 0) return true;
        const std::uint64_t last = offset + count - 1;
        return byte_resident(offset) && (offset / page == last / page || byte_resident(last));
    }

    result<void> load(std::uint64_t offset, std::uint64_t count) override {
        ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(count), POSIX_FADV_WILLNEED);
        std::vector<char> scratch(std::min(load_step, count));
        const std::uint64_t end = offset + count;
        while (offset < end) {
            const auto want = static_cast<std::size_t>(std::min(load_step, end - offset));
            const auto got = read_at(offset, std::span(scratch).first(want), may_block::yes);
            if (!got) return std::unexpected(got.error());
            // At the end of the file.
            if (*got < want) break;
            offset += want;
        }
        return {};
    }

private:
    bool byte_resident(std::uint64_t offset) {
        char byte = 0;
        // 0 is after the end.
        return read_some(offset, {&byte, 1}, may_block::no) >= 0;
    }

    /// Like pread(2). With may_block::no, EAGAIN means that the bytes are not in memory.
    ssize_t read_some(std::uint64_t offset, std::span<char> into, may_block wait) {
        const auto at = static_cast<off_t>(offset);
        if (wait == may_block::no && !in_memory_) {
            const iovec one{into.data(), into.size()};
            const ssize_t n = ::preadv2(fd_.get(), &one, 1, at, RWF_NOWAIT);
            if (n >= 0 || errno != EOPNOTSUPP) return n;
            // This file system does not support RWF_NOWAIT.
            in_memory_ = is_memory_backed(fd_.get());
            errno = EAGAIN;
            if (!in_memory_) return -1;
        }
        return ::pread(fd_.get(), into.data(), into.size(), at);
    }

    unique_fd fd_;
    status facts_;
    std::string display_path_;
    bool in_memory_ = false;
};

}  // namespace

result<std::unique_ptr<read_file>> open_posix_read_file(const root_directory& root, const virtual_path& path,
                                                        may_block wait) {
    // O_NONBLOCK: opening a FIFO does not wait, and it is then refused; on a regular file it has no effect.
    auto fd = root.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, wait);
    if (!fd) return std::unexpected(std::move(fd).error());
    const auto facts = status_at(fd->get(), "", wait);
    if (!facts) return fail_os(facts.error(), path.text());
    if (facts->type == file_type::directory) return fail(errc::is_a_directory, path.text());
    if (facts->type != file_type::file) return fail(errc::not_a_file, path.text());
    return std::make_unique<posix_read_file>(std::move(*fd), *facts, path.text());
}

}  // namespace sallyport::vfs
