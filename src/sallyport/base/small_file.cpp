#include <sallyport/base/small_file.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/open_file.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport {

result<std::string> read_small_file(const std::string& path, std::size_t max_bytes) {
    // O_NONBLOCK: opening a FIFO without a writer does not wait, and it is then refused.
    const auto file = open_file(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (!file) {
        auto reason = file.error();
        if (reason.what.empty()) reason.what = path;
        return std::unexpected(std::move(reason));
    }
    const unique_fd& opened = *file;
    struct stat facts{};
    if (::fstat(opened.get(), &facts) != 0) return fail_os(errno, path);
    if (!S_ISREG(facts.st_mode)) return fail(errc::not_a_file, path + ": not a regular file");
    std::string text;
    for (std::size_t filled = 0;;) {
        constexpr std::size_t step = 64 * 1024;
        text.resize(filled + step);
        const auto got = ::read(opened.get(), text.data() + filled, step);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_os(errno, path);
        filled += static_cast<std::size_t>(got);
        if (filled > max_bytes)
            return fail(errc::too_long, path + ": larger than " + std::to_string(max_bytes / 1024) + " KiB");
        if (got > 0) continue;
        text.resize(filled);
        return text;
    }
}

}  // namespace sallyport
