#include <sallyport/base/open_file.hpp>

#include <cerrno>

#include <fcntl.h>

#include <sallyport/base/helper_process.hpp>

namespace sallyport {

result<unique_fd> open_file(const std::string& path, int flags, unsigned mode) {
    unique_fd opened(::open(path.c_str(), flags, mode));
    if (opened) return opened;
    const int os = errno;
    const auto helper = helper_of_this_process();
    if ((os == EACCES || os == EPERM || os == EROFS) && helper != nullptr)
        return helper->open_file(path, (flags & O_ACCMODE) != O_RDONLY);
    return fail_os(os);
}

}  // namespace sallyport
