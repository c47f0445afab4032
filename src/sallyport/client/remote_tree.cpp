#include <sallyport/client/remote_tree.hpp>

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/client/lanes.hpp>
#include <sallyport/client/local_tree.hpp>

namespace sallyport::client {

namespace {

/// A server could show directories without end.
constexpr std::size_t max_depth = 100;

net::task<outcome<void>> list_on(session& on, const std::string& path, listing_report& into) {
    auto got = co_await on.list(path, std::time(nullptr));
    if (!got) co_return std::unexpected(std::move(got.error()));
    into = std::move(*got);
    co_return outcome<void>{};
}

net::task<outcome<void>> absolute_on(session& on, const std::string& path, std::string& into) {
    auto got = co_await on.absolute(path);
    if (!got) co_return std::unexpected(std::move(got.error()));
    into = std::move(*got);
    co_return outcome<void>{};
}

struct listed_directory {
    std::string path;
    outcome<listing_report> got = std::unexpected(failure{});
};

/// `left`: how many entries may still be listed; no listing begins when there are none.
net::task<> list_one(pool& connections, listed_directory& one, std::size_t& left) {
    if (left == 0) co_return;
    listing_report listing;
    const pool::work what = [&one, &listing](session& on, int /*try_number*/) { return list_on(on, one.path, listing); };
    auto got = co_await connections.run(what);
    left -= std::min(left, listing.entries.size());
    if (got)
        one.got = std::move(listing);
    else
        one.got = std::unexpected(std::move(got.error()));
}

/// Lists these directories, several at a time. Fails when no entries are left.
net::task<outcome<std::vector<listed_directory>>> list_all(pool& connections, std::vector<std::string> paths,
                                                           std::size_t& left) {
    std::vector<listed_directory> all;
    all.reserve(paths.size());
    for (auto& path : paths) all.push_back({std::move(path)});
    co_await run_each(connections.home(), connections.lanes(), all.size(),
                      [&](std::size_t i) { return list_one(connections, all[i], left); });
    if (left > 0) co_return all;
    const error cause{errc::too_long, 0, "there are more files and directories than one command lists; name a part of them"};
    co_return std::unexpected(failure{step::listing, cause, 0, {}, {}});
}

void sort_by_name(listing_report& listing) { std::ranges::sort(listing.entries, {}, &proto::entry::name); }

/// The directories of one depth of a tree.
struct depth_of_tree {
    std::vector<std::string> paths;
    /// The same, below the root of the tree.
    std::vector<std::string> relative;
};

/// Adds the entries of a listing to the tree, and its directories to the next depth.
void add_entries(listing_report& listing, const std::string& path, const std::string& relative, const name_filter& wanted,
                 remote_listing& out, depth_of_tree& next) {
    sort_by_name(listing);
    out.skipped_names += listing.skipped_names;
    out.unrecognized_lines += listing.unrecognized_lines;
    for (auto& e : listing.entries) {
        remote_entry found{
            listing.is_directory ? join_path(path, e.name) : path, join_path(relative, e.name), {}, listing.exact_times};
        const bool is_directory = e.type == proto::entry_type::directory;
        if (!(is_directory ? wanted.admits_directory(found.relative) : wanted.admits_file(found.relative))) continue;
        if (is_directory) {
            next.paths.push_back(found.path);
            next.relative.push_back(found.relative);
        }
        found.facts = std::move(e);
        out.entries.push_back(std::move(found));
    }
}

}  // namespace

std::optional<listed_file> remote_entry::listed() const {
    if (!facts.has_size) return std::nullopt;
    listed_file out{facts.size, std::nullopt};
    if (exact_time && facts.has_modified) out.modified = facts.modified;
    return out;
}

net::task<outcome<std::string>> absolute_path(pool& connections, std::string path) {
    std::string found;
    const pool::work what = [&path, &found](session& on, int /*try_number*/) { return absolute_on(on, path, found); };
    auto got = co_await connections.run(what);
    if (!got) co_return std::unexpected(std::move(got.error()));
    co_return found;
}

net::task<outcome<remote_listing>> read_tree(pool& connections, std::string directory, const name_filter& wanted,
                                             std::size_t max_entries) {
    remote_listing out;
    std::size_t left = max_entries;
    depth_of_tree now{{std::move(directory)}, {{}}};
    for (std::size_t depth = 0; !now.paths.empty(); ++depth) {
        if (depth > max_depth) {
            const error cause{errc::too_long, 0, fmt::format("directories are nested more than {} deep", max_depth)};
            for (auto& path : now.paths) out.problems.push_back({std::move(path), {step::listing, cause, 0, {}, {}}});
            break;
        }
        depth_of_tree next;
        auto all = co_await list_all(connections, now.paths, left);
        if (!all) co_return std::unexpected(std::move(all.error()));
        auto& listed = *all;
        for (std::size_t i = 0; i < listed.size(); ++i) {
            auto& got = listed[i].got;
            if (!got && depth == 0) co_return std::unexpected(std::move(got.error()));
            if (depth == 0) out.is_file = !got->is_directory;
            if (!got)
                out.problems.push_back({std::move(listed[i].path), std::move(got.error())});
            else
                add_entries(*got, listed[i].path, now.relative[i], wanted, out, next);
        }
        now = std::move(next);
    }
    co_return out;
}

// ---- Patterns

namespace {

/// The directories in which the next component of a pattern is looked for.
struct place {
    std::string path;
    std::string relative;
};

struct expansion {
    pool& connections;
    std::vector<place> places;
    /// A `**` was passed, so that directories belong to the relative path.
    bool keeps_directories = false;
    remote_listing out;
    std::size_t left = max_tree_entries;
};

void keep_matches(listing_report& listing, const std::string& component) {
    const auto is_it = [&component](const proto::entry& e) { return e.name == component; };
    const bool exists = std::ranges::any_of(listing.entries, is_it);
    std::erase_if(listing.entries,
                  [&](const proto::entry& e) { return exists ? !is_it(e) : !matches_name(component, e.name); });
}

/// One component without `**`. `last`: its matches are the result.
net::task<std::optional<failure>> expand_component(expansion& x, const std::string& component, bool last) {
    std::vector<place> next;
    if (!last && !has_wildcards(component)) {
        for (const auto& each : x.places)
            next.push_back(
                {join_path(each.path, component), x.keeps_directories ? join_path(each.relative, component) : ""});
        x.places = std::move(next);
        co_return std::nullopt;
    }
    std::vector<std::string> paths;
    for (const auto& each : x.places) paths.push_back(each.path);
    auto all = co_await list_all(x.connections, std::move(paths), x.left);
    if (!all) co_return std::move(all.error());
    auto& listed = *all;
    for (std::size_t i = 0; i < listed.size(); ++i) {
        auto& got = listed[i].got;
        const bool is_refused = !got && got.error().at == step::request && got.error().reply_code / 100 == 5;
        if (!got && !(is_refused && listed.size() > 1)) co_return std::move(got.error());
        if (!got || !got->is_directory) continue;
        x.out.skipped_names += got->skipped_names;
        x.out.unrecognized_lines += got->unrecognized_lines;
        keep_matches(*got, component);
        sort_by_name(*got);
        for (auto& e : got->entries) {
            place found{join_path(x.places[i].path, e.name),
                        x.keeps_directories ? join_path(x.places[i].relative, e.name) : ""};
            if (last)
                x.out.entries.push_back({found.path, x.keeps_directories ? found.relative : e.name, e, got->exact_times});
            else if (e.type == proto::entry_type::directory)
                next.push_back(std::move(found));
        }
    }
    x.places = std::move(next);
    co_return std::nullopt;
}

/// `**`: this directory and all below it; as the last component, all files in them.
net::task<std::optional<failure>> expand_any_depth(expansion& x, bool last) {
    const name_filter visible({}, {".*"});
    std::vector<place> next;
    // After another `**`, places are below others, which come before them.
    std::set<std::string> seen;
    for (const auto& each : x.places) {
        if (!seen.insert(each.path).second) continue;
        auto tree = co_await read_tree(x.connections, each.path, visible, x.left);
        if (!tree) co_return std::move(tree.error());
        x.left -= std::min(x.left - 1, tree->entries.size());
        next.push_back(each);
        std::ranges::move(tree->problems, std::back_inserter(x.out.problems));
        x.out.skipped_names += tree->skipped_names;
        x.out.unrecognized_lines += tree->unrecognized_lines;
        for (auto& e : tree->entries) {
            e.relative = join_path(each.relative, e.relative);
            if (e.facts.type == proto::entry_type::directory) {
                seen.insert(e.path);
                next.push_back({e.path, e.relative});
            } else if (last)
                x.out.entries.push_back(std::move(e));
        }
    }
    x.places = std::move(next);
    x.keeps_directories = true;
    co_return std::nullopt;
}

}  // namespace

net::task<outcome<remote_listing>> expand_pattern(pool& connections, std::string pattern) {
    const auto parts = components_of(pattern);
    const auto first = static_cast<std::size_t>(std::ranges::find_if(parts, has_wildcards) - parts.begin());
    std::string fixed = pattern.starts_with('/') ? "/" : "";
    for (std::size_t i = 0; i < first; ++i) fixed = join_path(fixed, parts[i]);
    expansion x{connections, {{fixed, {}}}};
    for (std::size_t i = first; i < parts.size() && !x.places.empty(); ++i) {
        const bool last = i + 1 == parts.size();
        auto expanding = parts[i] == "**" ? expand_any_depth(x, last) : expand_component(x, parts[i], last);
        auto failed = co_await std::move(expanding);
        if (failed) co_return std::unexpected(std::move(*failed));
    }
    co_return std::move(x.out);
}

}  // namespace sallyport::client
