#pragma once
// Waits until a file has been rewritten or replaced, with inotify on its directory. Owned by its user, which must not
// outlive the loop. Loop thread only.

#include <filesystem>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

class file_watch {
public:
    explicit file_watch(loop& l);

    /// Watches this file instead of the one before.
    [[nodiscard]] result<void> watch_file(const std::string& file);
    /// Waits until a file in the directory has been written or renamed, or until interrupt(). It can be another file, so the
    /// caller must check whether the content has changed; links in the path are no special case then.
    task<> wait_for_change();
    void interrupt() { events_.interrupt_read(); }

private:
    descriptor events_;
    int watch_ = -1;
    std::filesystem::path directory_;
};

}  // namespace sallyport::net
