#include <sallyport/client/part_file.hpp>

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::client {

namespace {

bool exists(const std::string& name) {
    struct ::stat about{};
    return ::lstat(name.c_str(), &about) == 0;
}

}  // namespace

result<part_file> part_file::open(std::string name, bool resume) {
    part_file out;
    out.name_ = std::move(name);
    out.written_to_ = out.name_ + ".part";
    struct ::stat about{};
    const bool there = ::stat(out.name_.c_str(), &about) == 0;
    if (there && S_ISDIR(about.st_mode)) return fail(errc::is_a_directory, out.name_ + " is a directory; name a file in it");

    // A link in the way of FILE.part could lead the download elsewhere; FILE itself is the user's own choice.
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (resume ? 0 : O_TRUNC);
    if (there && !S_ISREG(about.st_mode)) {
        out.written_to_ = out.name_;
        flags = O_WRONLY | O_CLOEXEC;
    } else if (resume && there && !exists(out.written_to_)) {
        out.written_to_ = out.name_;
        flags = O_RDWR | O_CLOEXEC;
    }
    out.fd_.reset(::open(out.written_to_.c_str(), flags, 0666));
    if (!out.fd_) return fail_os(errno, out.written_to_);
    return out;
}

result<void> part_file::commit() {
    if (written_to_ != name_ && ::rename(written_to_.c_str(), name_.c_str()) != 0)
        return fail_os(errno, "renaming " + written_to_ + " to " + name_);
    // Closing may bring an error of writing to light (NFS, quotas).
    if (::close(fd_.release()) != 0) return fail_os(errno, name_);
    return {};
}

std::string part_file::abandon() {
    struct ::stat about{};
    if (!fd_ || ::fstat(fd_.get(), &about) != 0 || !S_ISREG(about.st_mode)) return {};
    fd_.reset();
    if (about.st_size > 0) return written_to_;
    if (written_to_ != name_) ::unlink(written_to_.c_str());
    return {};
}

}  // namespace sallyport::client
