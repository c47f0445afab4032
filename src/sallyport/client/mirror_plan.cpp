#include <sallyport/client/mirror_plan.hpp>

#include <algorithm>
#include <string_view>

namespace sallyport::client {

namespace {

constexpr std::size_t usual_deletions = 100;
constexpr std::size_t usual_part = 10;

std::optional<copy_reason> reason_to_copy(const tree_entry& source, const tree_entry& target, const plan_settings& how) {
    if (source.size && target.size && *source.size != *target.size) return copy_reason::size;
    if (how.by == compare_by::size || !source.modified || !target.modified) return std::nullopt;
    const auto difference = *source.modified - *target.modified;
    const auto tolerance = std::max(source.precision, target.precision);
    if (difference > tolerance) return copy_reason::time;
    if (-difference > tolerance && how.target_has_times) return copy_reason::time;
    return std::nullopt;
}

/// "FILE.part" and "FILE.part.from" are unfinished downloads of a file of the source.
bool is_part_of(const std::string& path, const tree_listing& source) {
    const auto whole = whole_of_part(path);
    return !whole.empty() && source.contains(whole);
}

/// Below something that is no directory on the other side: a conflict, or a link whose directory is not known.
bool is_below_other(const std::string& path, const tree_listing& other) {
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
        const auto above = other.find(path.substr(0, slash));
        if (above != other.end() && !above->second.is_directory) return true;
    }
    return false;
}

void plan_deletions(const tree_listing& source, const tree_listing& target, mirror_plan& plan) {
    // In the order of their names, directories come before what is in them.
    for (auto each = target.rbegin(); each != target.rend(); ++each) {
        const auto& [path, entry] = *each;
        if (source.contains(path) || entry.is_special || is_part_of(path, source) || is_below_other(path, source)) continue;
        (entry.is_directory ? plan.remove_directories : plan.remove_files).push_back(path);
    }
    // A directory in which something stays cannot be removed.
    std::erase_if(plan.remove_directories, [&](const std::string& directory) {
        const auto below = directory + '/';
        for (auto e = target.lower_bound(below); e != target.end() && e->first.starts_with(below); ++e)
            if (e->second.is_special || is_part_of(e->first, source)) return true;
        return false;
    });
    std::ranges::reverse(plan.remove_files);
}

}  // namespace

std::string_view name(copy_reason r) noexcept {
    switch (r) {
        case copy_reason::missing: return "missing";
        case copy_reason::size: return "size";
        case copy_reason::time: break;
    }
    return "time";
}

std::string whole_of_part(std::string_view path) {
    for (const std::string_view ending : {".part", ".part.from"})
        if (path.ends_with(ending)) return std::string(path.substr(0, path.size() - ending.size()));
    return {};
}

mirror_plan plan_mirror(const tree_listing& source, const tree_listing& target, const plan_settings& how) {
    mirror_plan plan;
    for (const auto& [path, entry] : target) plan.target_files += !entry.is_directory && !entry.is_special;
    for (const auto& [path, entry] : source) {
        if (entry.is_special) {
            ++plan.special;
            continue;
        }
        // The conflict is that of the directory above.
        if (is_below_other(path, target)) continue;
        if (how.target_has_parts && !entry.is_directory && is_part_of(path, source)) {
            plan.part_names.push_back(path);
            continue;
        }
        const auto there = target.find(path);
        const bool exists = there != target.end();
        if (exists && (there->second.is_special || there->second.is_directory != entry.is_directory)) {
            plan.conflicts.push_back(path);
        } else if (entry.is_directory) {
            if (!exists) plan.make_directories.push_back(path);
        } else if (!exists) {
            plan.copies.push_back({path, copy_reason::missing, entry});
        } else if (const auto reason = reason_to_copy(entry, there->second, how)) {
            plan.copies.push_back({path, *reason, entry});
        } else {
            ++plan.unchanged;
        }
    }
    if (how.remove) plan_deletions(source, target, plan);
    return plan;
}

bool deletion_limit::allows(const mirror_plan& plan) const noexcept {
    const auto wanted = plan.remove_files.size();
    if (wanted == 0) return true;
    if (files) return wanted <= *files;
    if (percent) return static_cast<double>(wanted) * 100 <= *percent * static_cast<double>(plan.target_files);
    // An empty source is more often a mistake than a wish.
    return wanted < plan.target_files && wanted <= std::max(usual_deletions, plan.target_files / usual_part);
}

}  // namespace sallyport::client
