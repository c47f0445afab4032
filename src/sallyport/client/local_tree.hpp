#pragma once
// A local directory with everything below it, as source or target of transfers. Names come from servers, so no path leads
// out of the directory: each is opened by vfs from the descriptor of the root, and links below it are never followed. The
// root itself was chosen by the user and may be a link.
//
// Paths are relative, with slashes. Immutable; any thread; blocks on the disk. Copies share the descriptor of the root,
// which lives as long as one of them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/client/glob.hpp>
#include <sallyport/client/part_file.hpp>
#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::client {

/// The entries of a tree, by their paths below its root.
struct local_listing {
    struct found {
        std::string path;
        vfs::status facts;
    };
    std::vector<found> entries;
    /// Directories that could not be listed.
    struct problem {
        std::string path;
        error why;
    };
    std::vector<problem> problems;
};

class local_tree {
public:
    /// With `make`, a missing directory is made, with its parents.
    [[nodiscard]] static result<local_tree> open(std::string root, bool make);

    /// As the user wrote it.
    [[nodiscard]] const std::string& root() const noexcept { return root_; }
    /// "ROOT/path", for messages.
    [[nodiscard]] std::string shown(const std::string& path) const;

    /// The target of a download. Makes the directories in which it is.
    [[nodiscard]] result<part_file> open_part(const std::string& path, bool resume) const;
    /// A regular file to upload.
    [[nodiscard]] result<unique_fd> open_file(const std::string& path) const;
    /// Without following a link; nothing if there is no such entry.
    [[nodiscard]] result<std::optional<vfs::status>> status(const std::string& path) const;
    /// The entries of a directory, "" for the root, links as such.
    [[nodiscard]] result<std::vector<vfs::entry>> list(const std::string& path) const;
    /// Everything below the root that takes part, directories before what is in them. Links are not followed.
    [[nodiscard]] local_listing list_all(const name_filter& wanted) const;

    /// Also its parents; a directory that exists is a success.
    [[nodiscard]] result<void> make_directory(const std::string& path) const;
    [[nodiscard]] result<void> remove_file(const std::string& path) const;
    [[nodiscard]] result<void> remove_directory(const std::string& path) const;

private:
    [[nodiscard]] result<virtual_path> resolve(const std::string& path) const;
    /// An error of vfs, which does not name the path.
    [[nodiscard]] std::unexpected<error> failed(const error& why, const std::string& path) const;

    std::string root_;
    std::shared_ptr<const vfs::root_directory> directory_;
    std::shared_ptr<vfs::filesystem> files_;
};

/// "a/b" of "a" and "b"; the other one if one is empty.
[[nodiscard]] std::string join_path(const std::string& directory, const std::string& name);

}  // namespace sallyport::client
