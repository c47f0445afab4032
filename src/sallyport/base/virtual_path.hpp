#pragma once
// A path as FTP clients see it: absolute, beneath the user's root directory, and normalized (FS-01).
//
// Paths are parsed only here; the file layer opens the normalized path and does not parse it again. ".." at the root stays
// at the root, as "/.." does on Unix. A value; any thread.

#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

class virtual_path {
public:
    // The root directory.
    virtual_path() = default;

    /// Resolves `text` relative to this path, or to the root if it starts with '/'. Empty text is this path itself. Returns
    /// nothing if a component is longer than 255 bytes, the path is longer than 4096, or it contains a control byte.
    [[nodiscard]] std::optional<virtual_path> resolve(std::string_view text) const;

    [[nodiscard]] bool is_root() const noexcept { return text_.size() == 1; }
    // The root's parent is the root.
    [[nodiscard]] virtual_path parent() const;
    // Last component; empty for the root.
    [[nodiscard]] std::string_view name() const noexcept;
    // The path as text, for example "/a/b".
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// The path without the leading slash, or "." for the root: the form for openat2 beneath the root's descriptor.
    [[nodiscard]] std::string_view beneath() const noexcept;

    friend bool operator==(const virtual_path&, const virtual_path&) = default;

private:
    std::string text_ = "/";
};

}  // namespace sallyport
