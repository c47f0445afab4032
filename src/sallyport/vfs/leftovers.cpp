#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/temporary_name.hpp>

#include <array>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::vfs {
namespace {

struct directory_item {
    std::string name;
    unsigned char type;
};

/// Reads the entries of one directory in batches.
class entries {
public:
    explicit entries(unique_fd directory) : directory_(std::move(directory)) {}

    [[nodiscard]] int directory() const noexcept { return directory_.get(); }
    /// Returns false if the directory cannot be read.
    [[nodiscard]] bool read(std::vector<directory_item>& into) const {
        alignas(dirent64) std::array<char, 16 * 1024> buffer{};
        into.clear();
        const ssize_t n = ::getdents64(directory_.get(), buffer.data(), buffer.size());
        if (n < 0) return false;
        for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
            const auto* item = reinterpret_cast<const dirent64*>(buffer.data() + at);
            at += item->d_reclen;
            into.push_back({item->d_name, item->d_type});
        }
        return true;
    }

private:
    unique_fd directory_;
};

bool is_itself_or_above(std::string_view name) { return name == "." || name == ".."; }

unique_fd open_directory(int above, const char* name) {
    return unique_fd(::openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

/// Returns false if the file is in use or must not be removed.
bool remove_leftover(int directory, const char* name) {
    // For writing too: NFS requires it for exclusive locks.
    const unique_fd file(::openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct ::stat facts{};
    if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return false;
    return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::unlinkat(directory, name, 0) == 0;
}

/// One level of the tree. Subdirectories are handled before the rest of `remaining`, so that few descriptors are open.
struct level {
    explicit level(unique_fd directory) : all(std::move(directory)) {}
    entries all;
    std::vector<directory_item> remaining;
};

}  // namespace

bool remove_leftovers(int directory) {
    const entries all(open_directory(directory, "."));
    std::vector<directory_item> some;
    std::vector<std::string> leftovers;
    do {
        if (!all.read(some)) return false;
        for (directory_item& found : some) {
            if (is_itself_or_above(found.name)) continue;
            if (!is_temporary_name(found.name)) return false;
            leftovers.push_back(std::move(found.name));
        }
    } while (!some.empty());
    for (const std::string& name : leftovers) {
        if (!remove_leftover(directory, name.c_str())) return false;
    }
    return true;
}

std::size_t remove_leftovers_beneath(const std::string& root, const std::stop_token& stop) {
    std::size_t removed = 0;
    std::vector<level> path;
    path.emplace_back(unique_fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    while (!path.empty() && !stop.stop_requested()) {
        level& current = path.back();
        if (current.remaining.empty() && (!current.all.read(current.remaining) || current.remaining.empty())) {
            path.pop_back();
            continue;
        }
        const directory_item found = std::move(current.remaining.back());
        current.remaining.pop_back();
        if (is_itself_or_above(found.name)) continue;
        if (found.type != DT_DIR && is_temporary_name(found.name) &&
            remove_leftover(current.all.directory(), found.name.c_str()))
            ++removed;
        // Uploads are not deeper than the longest virtual path.
        if ((found.type != DT_DIR && found.type != DT_UNKNOWN) || path.size() > limits::max_path_components) continue;
        if (auto below = open_directory(current.all.directory(), found.name.c_str())) path.emplace_back(std::move(below));
    }
    return removed;
}

leftover_sweep::leftover_sweep(std::vector<std::string> roots)
    : thread_([roots = std::move(roots)](const std::stop_token& stop) {
          pthread_setname_np(pthread_self(), "leftovers");
          // The priority of this thread alone.
          static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19));
          try {
              for (const std::string& root : roots) {
                  const std::size_t removed = remove_leftovers_beneath(root, stop);
                  if (removed != 0)
                      log::info({}, fmt::format("Removed {} unfinished uploads of a killed process in {}", removed, root));
              }
          } catch (const std::exception&) {
              log::warning({},
                           "Unfinished uploads of a killed process were not removed: out of memory; the next start will");
          }
      }) {}

}  // namespace sallyport::vfs
