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
    if (watch_ >= 0) ::inotify_rm_watch(events_.get(), std::exchange(watch_, -1));
    // Not IN_CREATE: a created file is written next.
    watch_ = ::inotify_add_watch(events_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
    if (watch_ >= 0) return {};
    return fail_os(errno, fmt::format("cannot watch the directory of {}", file));
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
