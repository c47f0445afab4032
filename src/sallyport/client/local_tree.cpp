#include <sallyport/client/local_tree.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::client {

std::string join_path(const std::string& directory, const std::string& name) {
    if (directory.empty() || name.empty()) return directory + name;
    return directory.ends_with('/') ? directory + name : directory + '/' + name;
}

result<local_tree> local_tree::open(std::string root, bool make) {
    local_tree out;
    out.root_ = std::move(root);
    if (make) {
        std::error_code failed;
        std::filesystem::create_directories(out.root_, failed);
        if (failed && !std::filesystem::is_directory(out.root_)) return fail_os(failed.value(), "making " + out.root_);
    }
    auto directory = vfs::root_directory::open(out.root_, false);
    if (!directory) return std::unexpected(std::move(directory.error()));
    out.directory_ = std::move(*directory);
    // The umask decides, as with other programs; the disk is not waited for after each directory.
    auto files = vfs::open_posix_filesystem(
        out.root_, {.sync = vfs::sync_policy::none, .file_mode = 0666, .directory_mode = 0777, .follow_links = false});
    if (!files) return std::unexpected(std::move(files.error()));
    out.files_ = std::move(*files);
    return out;
}

std::string local_tree::shown(const std::string& path) const { return root_ == "." ? path : join_path(root_, path); }

result<virtual_path> local_tree::resolve(const std::string& path) const {
    auto out = virtual_path().resolve("/" + path);
    if (!out) return fail(errc::name_invalid, shown(path) + ": too long for a local name, or with control characters");
    return std::move(*out);
}

std::unexpected<error> local_tree::failed(const error& why, const std::string& path) const {
    return std::unexpected(error{why.code, why.os, shown(path)});
}

result<part_file> local_tree::open_part(const std::string& path, bool resume) const {
    const auto to = resolve(path);
    if (!to) return std::unexpected(to.error());
    auto at = directory_->locate(*to);
    if (!at && at.error().code == errc::not_found) {
        if (const auto made = make_directory(std::string(to->parent().beneath())); !made)
            return std::unexpected(made.error());
        at = directory_->locate(*to);
    }
    if (!at) return failed(at.error(), path);
    return part_file::open_in(std::move(at->parent), std::move(at->name), shown(path), resume);
}

result<unique_fd> local_tree::open_file(const std::string& path) const {
    const auto from = resolve(path);
    if (!from) return std::unexpected(from.error());
    // O_NONBLOCK: a FIFO would wait for its writer.
    auto file = directory_->open(*from, O_RDONLY | O_NONBLOCK, vfs::may_block::yes);
    if (!file) return failed(file.error(), path);
    struct ::stat about{};
    if (::fstat(file->get(), &about) != 0) return fail_os(errno, shown(path));
    if (!S_ISREG(about.st_mode)) return fail(errc::not_a_file, shown(path) + " is not a regular file");
    return std::move(*file);
}

result<std::optional<vfs::status>> local_tree::status(const std::string& path) const {
    const auto of = resolve(path);
    if (!of) return std::unexpected(of.error());
    if (of->is_root()) return fail(errc::is_a_directory, shown(path));
    const auto at = directory_->locate(*of);
    if (!at && at.error().code == errc::not_found) return std::nullopt;
    if (!at) return failed(at.error(), path);
    const auto found = vfs::status_at(at->parent.get(), at->name.c_str());
    if (found) return *found;
    if (found.error() == ENOENT) return std::nullopt;
    return fail_os(found.error(), shown(path));
}

result<std::vector<vfs::entry>> local_tree::list(const std::string& path) const {
    const auto of = resolve(path);
    if (!of) return std::unexpected(of.error());
    const auto directory = files_->open_directory(*of);
    if (!directory) return failed(directory.error(), path);
    std::vector<vfs::entry> out;
    for (;;) {
        const auto before = out.size();
        if (const auto read = (*directory)->read(out); !read) return failed(read.error(), path);
        if (out.size() == before) return out;
    }
}

local_listing local_tree::list_all(const name_filter& wanted) const {
    local_listing out;
    std::vector<std::string> open{""};
    while (!open.empty()) {
        const auto directory = std::move(open.back());
        open.pop_back();
        auto entries = list(directory);
        if (!entries) {
            out.problems.push_back({directory, std::move(entries.error())});
            continue;
        }
        std::ranges::sort(*entries, {}, &vfs::entry::name);
        for (const auto& e : *entries) {
            auto path = join_path(directory, e.name);
            const bool is_directory = e.facts.type == vfs::file_type::directory;
            if (!(is_directory ? wanted.admits_directory(path) : wanted.admits_file(path))) continue;
            if (is_directory) open.push_back(path);
            out.entries.push_back({std::move(path), e.facts});
        }
    }
    return out;
}

result<void> local_tree::make_directory(const std::string& path) const {
    const auto to = resolve(path);
    if (!to) return std::unexpected(to.error());
    if (to->is_root()) return {};
    const auto made = files_->make_directory(*to);
    if (made) return {};
    if (made.error().code == errc::exists) {
        const auto there = status(path);
        if (there && *there && (*there)->type == vfs::file_type::directory) return {};
        return fail(errc::not_a_directory, shown(path) + " exists and is not a directory");
    }
    if (made.error().code != errc::not_found || to->parent().is_root()) return failed(made.error(), path);
    if (auto above = make_directory(std::string(to->parent().beneath())); !above) return above;
    const auto again = files_->make_directory(*to);
    // Another transfer may have made it in the meantime.
    if (again || again.error().code == errc::exists) return {};
    return failed(again.error(), path);
}

result<void> local_tree::remove_file(const std::string& path) const {
    const auto at = resolve(path);
    if (!at) return std::unexpected(at.error());
    return files_->remove_file(*at);
}

result<void> local_tree::remove_directory(const std::string& path) const {
    const auto at = resolve(path);
    if (!at) return std::unexpected(at.error());
    return files_->remove_directory(*at);
}

}  // namespace sallyport::client
