#pragma once
// What has to be done so that one tree becomes like another: which directories are made, which files are copied and why,
// which entries are deleted. A pure function on the listings of both; any thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::client {

/// An entry of either side, by its path below the root of the tree, with slashes.
struct tree_entry {
    bool is_directory = false;
    /// A link, device or other special file: never copied, never deleted, never written over.
    bool is_special = false;
    /// Nothing: the listing does not have it, as that of VMS.
    std::optional<std::uint64_t> size;
    /// Seconds since 1970, UTC; nothing if it is not known.
    std::optional<std::int64_t> modified;
    /// By how many seconds `modified` may differ from the time of the file: a minute or a day in listings by LIST.
    std::int64_t precision = 0;
};
using tree_listing = std::map<std::string, tree_entry>;

enum class compare_by : std::uint8_t { size, time };
enum class copy_reason : std::uint8_t { missing, size, time };
[[nodiscard]] std::string_view name(copy_reason r) noexcept;

struct plan_settings {
    /// With `time`, also the size is compared.
    compare_by by = compare_by::time;
    bool remove = false;
    /// The target keeps the times of copies. Not every server does; then a newer copy of the same size counts as the same.
    bool target_has_times = true;
    /// The target is local: what is downloaded to FILE goes through FILE.part.
    bool target_has_parts = true;
};

struct planned_copy {
    std::string path;
    copy_reason reason = copy_reason::missing;
    tree_entry source;
};

struct mirror_plan {
    /// Parents first.
    std::vector<std::string> make_directories;
    std::vector<planned_copy> copies;
    std::vector<std::string> remove_files;
    /// The deepest first.
    std::vector<std::string> remove_directories;
    /// Where one side has a directory or a special file and the other one something else.
    std::vector<std::string> conflicts;
    /// Files that cannot be copied because their names are those of partial files of others: FILE.part next to FILE.
    std::vector<std::string> part_names;
    std::size_t unchanged = 0;
    std::size_t special = 0;
    /// Files of the target.
    std::size_t target_files = 0;
};

/// "FILE" of "FILE.part" and "FILE.part.from", which belong to its download; empty for other names.
[[nodiscard]] std::string whole_of_part(std::string_view path);

[[nodiscard]] mirror_plan plan_mirror(const tree_listing& source, const tree_listing& target, const plan_settings& how);

/// How many files may be deleted: a number, or a part of the files of the target.
struct deletion_limit {
    /// Nothing: 100 or a tenth of the target's files, whichever is more, but never all of them.
    std::optional<std::size_t> files;
    std::optional<double> percent;

    [[nodiscard]] bool allows(const mirror_plan& plan) const noexcept;
};

}  // namespace sallyport::client
