#include <sallyport/cli/directory_sizes.hpp>

#include <algorithm>
#include <map>

namespace sallyport::cli {
namespace {

struct sum {
    std::uint64_t bytes = 0;
    std::size_t files = 0;
};

/// Adds a file to each directory that it is in; "" is the root.
void add_file(std::map<std::string, sum>& sums, const std::string& relative, std::uint64_t bytes) {
    for (auto end = relative.rfind('/');; end = relative.rfind('/', end - 1)) {
        auto& one = sums[end == relative.npos ? std::string() : relative.substr(0, end)];
        one.bytes += bytes;
        ++one.files;
        if (end == relative.npos || end == 0) return;
    }
}

}  // namespace

tree_sizes sizes_of(const client::remote_listing& tree, const std::string& root) {
    tree_sizes out;
    std::map<std::string, sum> sums{{{}, {}}};
    std::map<std::string, std::string> paths{{{}, root}};
    for (const auto& e : tree.entries) {
        if (e.facts.type == proto::entry_type::directory) {
            sums[e.relative];
            paths[e.relative] = e.path;
        } else if (e.facts.type == proto::entry_type::file) {
            out.unknown += !e.facts.has_size;
            add_file(sums, tree.is_file ? std::string() : e.relative, e.facts.has_size ? e.facts.size : 0);
        }
    }
    for (const auto& [relative, one] : sums) out.directories.push_back({paths[relative], one.bytes, one.files});
    // In the reverse order of their names, a directory comes after what is in it.
    std::ranges::reverse(out.directories);
    return out;
}

}  // namespace sallyport::cli
