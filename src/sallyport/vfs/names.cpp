#include <sallyport/vfs/names.hpp>

#include <cerrno>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <grp.h>
#include <pwd.h>

namespace sallyport::vfs {
namespace {

// With more names than that, the cache is cleared and names are looked up again.
constexpr std::size_t max_cached_names = 4096;

/// Calls `look_up` with a growing buffer, as getpwuid_r and similar functions require (ERANGE).
template <class LookUp>
std::string with_buffer(std::uint32_t id, LookUp look_up) {
    std::vector<char> buffer(1024);
    std::string name;
    while (look_up(buffer, name) == ERANGE && buffer.size() < 1024 * 1024) buffer.resize(buffer.size() * 4);
    return name.empty() ? std::to_string(id) : name;
}

std::string find_user(std::uint32_t id) {
    return with_buffer(id, [id](std::vector<char>& buffer, std::string& name) {
        passwd record{};
        passwd* found = nullptr;
        const int failed = ::getpwuid_r(id, &record, buffer.data(), buffer.size(), &found);
        if (failed == 0 && found != nullptr) name = found->pw_name;
        return failed;
    });
}

std::string find_group(std::uint32_t id) {
    return with_buffer(id, [id](std::vector<char>& buffer, std::string& name) {
        ::group record{};
        ::group* found = nullptr;
        const int failed = ::getgrgid_r(id, &record, buffer.data(), buffer.size(), &found);
        if (failed == 0 && found != nullptr) name = found->gr_name;
        return failed;
    });
}

class name_cache {
public:
    explicit name_cache(std::string (*find)(std::uint32_t)) : find_(find) {}

    std::string get(std::uint32_t id) {
        {
            const std::lock_guard lock(mutex_);
            if (const auto it = names_.find(id); it != names_.end()) return it->second;
        }
        // Outside the lock: a directory service may be slow, and must not delay lookups of cached names.
        std::string name = find_(id);
        const std::lock_guard lock(mutex_);
        if (names_.size() >= max_cached_names) names_.clear();
        return names_.emplace(id, std::move(name)).first->second;
    }

private:
    std::string (*find_)(std::uint32_t);
    std::mutex mutex_;
    std::unordered_map<std::uint32_t, std::string> names_;
};

}  // namespace

std::string user_name(std::uint32_t id) {
    static name_cache cache(find_user);
    return cache.get(id);
}

std::string group_name(std::uint32_t id) {
    static name_cache cache(find_group);
    return cache.get(id);
}

}  // namespace sallyport::vfs
