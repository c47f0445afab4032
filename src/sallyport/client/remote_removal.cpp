#include <sallyport/client/remote_removal.hpp>

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/client/local_tree.hpp>
#include <sallyport/client/remote_change.hpp>
#include <sallyport/client/remote_file.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>

namespace sallyport::client {

namespace {

using proto::entry_type;

/// A server could show directories without end.
constexpr std::size_t max_removal_depth = 100;

net::task<outcome<void>> list_into(session& on, const std::string& path, list_form form, listing_report& into) {
    auto got = co_await on.list(path, std::time(nullptr), form);
    if (!got) co_return std::unexpected(std::move(got.error()));
    into = std::move(*got);
    co_return outcome<void>{};
}

net::task<outcome<listing_report>> list_directory(pool& connections, std::string path, list_form form = list_form::best) {
    listing_report listing;
    const pool::work what = [&path, form, &listing](session& on, int /*try_number*/) {
        return list_into(on, path, form, listing);
    };
    auto got = co_await connections.run(what);
    if (!got) co_return std::unexpected(std::move(got.error()));
    co_return listing;
}

/// What servers answer to DELE of a directory; the others mean that nothing may be removed, or not now.
bool may_be_directory(const failure& f) {
    return f.at == step::request && (f.reply_code == 450 || f.reply_code / 10 == 55 || f.reply_code == 501);
}

/// What is known of an entry before it is removed.
enum class entry_kind : std::uint8_t {
    /// A file or link: never entered.
    other,
    /// The listing shows it as a directory, but may show links to directories so too.
    maybe_directory,
    directory
};

/// The type letter of `ls -l` is that of the entry itself.
entry_kind kind_in(const listing_report& listing, const proto::entry& e) {
    if (e.type != entry_type::directory) return entry_kind::other;
    return listing.has_type_letters ? entry_kind::directory : entry_kind::maybe_directory;
}

/// By LIST of the directory in which it is.
net::task<entry_kind> find_kind(pool& connections, std::string path) {
    const auto listing = co_await list_directory(connections, parent_of(path), list_form::lines);
    if (!listing) co_return entry_kind::maybe_directory;
    const auto found = std::ranges::find(listing->entries, last_component(path), &proto::entry::name);
    co_return found == listing->entries.end() ? entry_kind::maybe_directory : kind_in(*listing, *found);
}

failure unknown_kind(const std::string& path, const failure& refused) {
    const error cause{
        errc::rejected, 0,
        "it may be a link to a directory: neither the server's listings nor its refusal of RMD show that it is a directory "
        "with something in it; remove what is in it with a pattern, then the directory with rmdir (" +
            refused.cause.text() + ")"};
    return {step::request, cause, refused.reply_code, "removing " + path, {}};
}

/// Both DELE and RMD were refused. Nothing: it is a directory with something in it; otherwise why it stays.
net::task<std::optional<failure>> why_not_entered(pool& connections, std::string path, entry_kind kind, failure not_deleted,
                                                  failure not_emptied) {
    const auto said = read_rmd_refusal(not_emptied.cause.what, path);
    if (said == rmd_refusal::not_empty) co_return std::nullopt;
    if (said == rmd_refusal::not_permitted) co_return not_deleted;
    if (kind == entry_kind::maybe_directory) kind = co_await find_kind(connections, path);
    if (kind == entry_kind::directory) co_return std::nullopt;
    co_return kind == entry_kind::other ? std::move(not_deleted) : unknown_kind(path, not_emptied);
}

net::task<bool> remove_entry(pool& connections, std::string path, entry_kind kind, std::size_t depth, removal& out);

/// True if nothing is left in it.
net::task<bool> empty_directory(pool& connections, std::string path, listing_report listing, std::size_t depth,
                                removal& out) {
    bool is_empty = true;
    for (const auto& e : listing.entries) {
        const auto kind = kind_in(listing, e);
        const bool is_gone = co_await remove_entry(connections, join_path(path, e.name), kind, depth + 1, out);
        is_empty = is_gone && is_empty;
    }
    out.skipped_names += listing.skipped_names;
    co_return is_empty;
}

net::task<bool> remove_entry(pool& connections, std::string path, entry_kind kind, std::size_t depth, removal& out) {
    if (connections.is_cancelled()) co_return false;
    auto deleted = co_await remove_file(connections, path);
    if (deleted) {
        ++out.files;
        co_return true;
    }
    const bool may_enter = kind != entry_kind::other && depth <= max_removal_depth;
    if (!may_enter || !may_be_directory(deleted.error())) {
        out.problems.push_back({path, std::move(deleted.error())});
        co_return false;
    }
    auto emptied = co_await remove_directory(connections, path);
    if (emptied) {
        ++out.directories;
        co_return true;
    }
    auto stays = co_await why_not_entered(connections, path, kind, deleted.error(), std::move(emptied.error()));
    if (stays) {
        out.problems.push_back({path, std::move(*stays)});
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

/// Without what it says about the name itself.
std::string text_without(std::string text, const std::string& name) {
    if (name.empty()) return text;
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at)) text.erase(at, name.size());
    return text;
}

}  // namespace

rmd_refusal read_rmd_refusal(std::string_view reply, std::string_view path) {
    using diagnosis::contains_any;
    const auto text = to_lower(reply);
    // A name with such words must not prove anything.
    if (contains_any(text, {"permission denied", "not permitted", "access denied", "access is denied", "read-only"}))
        return rmd_refusal::not_permitted;
    const auto rest = text_without(text, to_lower(last_component(std::string(path))));
    const bool is_full = contains_any(rest, {"not empty", "non-empty", "nonempty", "isn't empty", "must be empty"});
    return is_full ? rmd_refusal::not_empty : rmd_refusal::other;
}

net::task<> remove_tree(pool& connections, std::string path, removal& out) {
    const bool is_gone = co_await remove_entry(connections, std::move(path), entry_kind::maybe_directory, 0, out);
    static_cast<void>(is_gone);
}

}  // namespace sallyport::client
