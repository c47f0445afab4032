#pragma once
// Patterns for names and paths: `*` any text, `?` one byte, `[abc]` one of these, and in paths `**` any number of
// directories, also none. A backslash takes the meaning from the next character. Matched by fnmatch(3) of the C library, on
// bytes. As in a shell, a leading dot of a name is matched by a dot only. Pure functions and values; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::client {

[[nodiscard]] bool has_wildcards(std::string_view text) noexcept;
/// One component of a path.
[[nodiscard]] bool matches_name(const std::string& pattern, const std::string& name);
/// The components of a path; empty ones are left out.
[[nodiscard]] std::vector<std::string> components_of(std::string_view path);

/// Which entries of a tree take part. A pattern without a slash is compared with the name of an entry, at any depth; one
/// with a slash with its path below the root of the tree. Here `*` also matches a leading dot, and with a slash in the
/// pattern any number of directories.
class name_filter {
public:
    /// Without `include`, everything that is not excluded takes part.
    name_filter(std::vector<std::string> include, std::vector<std::string> exclude)
        : include_(std::move(include)), exclude_(std::move(exclude)) {}
    name_filter() = default;

    [[nodiscard]] bool admits_file(const std::string& path) const;
    /// An excluded directory is not entered.
    [[nodiscard]] bool admits_directory(const std::string& path) const;
    [[nodiscard]] bool is_everything() const noexcept { return include_.empty() && exclude_.empty(); }

private:
    std::vector<std::string> include_;
    std::vector<std::string> exclude_;
};

}  // namespace sallyport::client
