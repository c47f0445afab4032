#include <sallyport/client/remote_removal.hpp>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <utility>

#include <sallyport/client/local_tree.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::client {

namespace {

using proto::entry_type;

/// A server could show directories without end.
constexpr std::size_t max_removal_depth = 100;

net::task<outcome<void>> list_into(session& on, const std::string& path, listing_report& into) {
    auto got = co_await on.list(path, std::time(nullptr));
    if (!got) co_return std::unexpected(std::move(got.error()));
    into = std::move(*got);
    co_return outcome<void>{};
}

net::task<outcome<listing_report>> list_directory(pool& connections, std::string path) {
    listing_report listing;
    const pool::work what = [&path, &listing](session& on, int /*try_number*/) { return list_into(on, path, listing); };
    auto got = co_await connections.run(what);
    if (!got) co_return std::unexpected(std::move(got.error()));
    co_return listing;
}

/// What servers answer to DELE of a directory; the others mean that nothing may be removed, or not now.
bool may_be_directory(const failure& f) {
    return f.at == step::request && (f.reply_code == 450 || f.reply_code / 10 == 55 || f.reply_code == 501);
}

/// To another name and back. A file system permits that where it permits to remove the entry.
change renaming_there_and_back(const std::string& path) {
    auto out = renaming(path, path + ".removing");
    auto back = renaming(path + ".removing", path);
    std::ranges::move(back.commands, std::back_inserter(out.commands));
    return out;
}

net::task<bool> can_be_renamed(pool& connections, std::string path) {
    const auto renamed = co_await apply_change(connections, renaming_there_and_back(path));
    co_return renamed.has_value();
}

net::task<bool> remove_entry(pool& connections, std::string path, bool may_enter, std::size_t depth, removal& out);

/// True if nothing is left in it.
net::task<bool> empty_directory(pool& connections, std::string path, listing_report listing, std::size_t depth,
                                removal& out) {
    bool is_empty = true;
    for (const auto& e : listing.entries) {
        const bool may_enter = e.type == entry_type::directory;
        const bool is_gone = co_await remove_entry(connections, join_path(path, e.name), may_enter, depth + 1, out);
        is_empty = is_gone && is_empty;
    }
    out.skipped_names += listing.skipped_names;
    co_return is_empty;
}

net::task<bool> remove_entry(pool& connections, std::string path, bool may_enter, std::size_t depth, removal& out) {
    if (connections.is_cancelled()) co_return false;
    auto deleted = co_await remove_file(connections, path);
    if (deleted) {
        ++out.files;
        co_return true;
    }
    if (!may_enter || depth > max_removal_depth || !may_be_directory(deleted.error())) {
        out.problems.push_back({path, std::move(deleted.error())});
        co_return false;
    }
    auto emptied = co_await remove_directory(connections, path);
    if (emptied) {
        ++out.directories;
        co_return true;
    }
    const bool may_remove = co_await can_be_renamed(connections, path);
    if (!may_remove) {
        out.problems.push_back({path, std::move(deleted.error())});
        co_return false;
    }
    auto listing = co_await list_directory(connections, path);
    const bool is_same_refusal = !listing && listing.error().at == step::request;
    if (is_same_refusal || (listing && !listing->is_directory)) {
        out.problems.push_back({path, std::move(deleted.error())});
        co_return false;
    }
    if (!listing) {
        out.problems.push_back({path, std::move(listing.error())});
        co_return false;
    }
    const bool is_empty = co_await empty_directory(connections, path, std::move(*listing), depth, out);
    // The cause why something is left in it has been reported.
    if (!is_empty || connections.is_cancelled()) co_return false;
    auto removed = co_await remove_directory(connections, path);
    if (removed)
        ++out.directories;
    else
        out.problems.push_back({path, std::move(removed.error())});
    co_return removed.has_value();
}

}  // namespace

net::task<> remove_tree(pool& connections, std::string path, removal& out) {
    const bool is_gone = co_await remove_entry(connections, std::move(path), true, 0, out);
    static_cast<void>(is_gone);
}

}  // namespace sallyport::client
