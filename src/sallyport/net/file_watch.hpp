#pragma once
// Tells when a file was written anew, or another one was put in its place: inotify on its folder. Loop thread only.

#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

class file_watch {
public:
    explicit file_watch(loop& l);

    /// From now on this file, in place of any other.
    [[nodiscard]] result<void> watch_file(const std::string& file);
    /// Until something in the file's folder was written or renamed, or interrupt(). The folder has other files as well, so
    /// that the caller looks whether the content has changed; links in the path are then no special case.
    task<> wait_for_change();
    void interrupt() { events_.interrupt_read(); }

private:
    descriptor events_;
    int watch_ = -1;
};

}  // namespace sallyport::net
