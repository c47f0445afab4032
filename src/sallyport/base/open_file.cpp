#include <sallyport/base/open_file.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>

namespace sallyport {
namespace {

std::function<result<unique_fd>(const std::string& path, bool append)>& opener() {
    static std::function<result<unique_fd>(const std::string& path, bool append)> one;
    return one;
}

}  // namespace

result<unique_fd> open_file(const std::string& path, int flags, unsigned mode) {
    unique_fd opened(::open(path.c_str(), flags, mode));
    if (opened) return opened;
    const int os = errno;
    if ((os == EACCES || os == EPERM || os == EROFS) && opener()) return opener()(path, (flags & O_ACCMODE) != O_RDONLY);
    return fail_os(os);
}

void set_file_opener(std::function<result<unique_fd>(const std::string& path, bool append)> by) { opener() = std::move(by); }

}  // namespace sallyport
