#include <sallyport/net/file_watch.hpp>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace sallyport::net {

file_watch::file_watch(loop& l) : events_(l, unique_fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC))) {}

result<void> file_watch::watch_file(const std::string& file) {
    auto directory = std::filesystem::path(file).parent_path();
    if (directory.empty()) directory = ".";
    // Not IN_CREATE: a created file is written next.
    const int fresh = ::inotify_add_watch(events_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
    if (fresh < 0) {
        // The directory may have become closed to this process, which has given up its rights; it is still watched.
        if (errno == EACCES && watch_ >= 0 && directory == directory_) return {};
        return fail_os(errno, fmt::format("cannot watch the directory of {}", file));
    }
    // For the same directory, the system returns the same watch.
    if (watch_ >= 0 && watch_ != fresh) ::inotify_rm_watch(events_.get(), watch_);
    watch_ = fresh;
    directory_ = std::move(directory);
    return {};
}

task<> file_watch::wait_for_change() {
    if (!events_) co_return;
    alignas(inotify_event) std::array<char, 4096> events;
    bool any = false;
    while (::read(events_.get(), events.data(), events.size()) > 0) any = true;
    if (any) co_return;
    co_await events_.readable(deadline::max());
}

}  // namespace sallyport::net
