#include <sallyport/client/glob.hpp>

#include <algorithm>

#include <fnmatch.h>

namespace sallyport::client {

namespace {

bool matches_in_tree(const std::string& pattern, const std::string& path) {
    const bool with_directories = pattern.find('/') != pattern.npos;
    const std::string subject = with_directories ? path : path.substr(path.rfind('/') + 1);
    const std::string from_root = pattern.starts_with('/') ? pattern.substr(1) : pattern;
    return ::fnmatch(from_root.c_str(), subject.c_str(), 0) == 0;
}

bool matches_one(const std::vector<std::string>& patterns, const std::string& path) {
    return std::ranges::any_of(patterns, [&path](const auto& each) { return matches_in_tree(each, path); });
}

}  // namespace

bool has_wildcards(std::string_view text) noexcept { return text.find_first_of("*?[") != text.npos; }

bool matches_name(const std::string& pattern, const std::string& name) {
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

std::vector<std::string> components_of(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
        const auto slash = std::min(path.find('/'), path.size());
        if (slash > 0) out.emplace_back(path.substr(0, slash));
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return out;
}

bool name_filter::admits_file(const std::string& path) const {
    return !matches_one(exclude_, path) && (include_.empty() || matches_one(include_, path));
}

bool name_filter::admits_directory(const std::string& path) const { return !matches_one(exclude_, path); }

}  // namespace sallyport::client
