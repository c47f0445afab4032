#pragma once
// A path as the protocol sees it: absolute, beneath the user's root, normalised exactly once (FS-01).
//
// Text becomes components here and nowhere else; the file layer opens components, it never parses text again.
// ".." above the root stays at the root, as "/.." does on Unix. A value; any thread.

#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

class virtual_path {
public:
    // The root directory.
    virtual_path() = default;

    /// `text` relative to this path, or from the root where it starts with '/'. Empty text is this path itself.
    /// Nothing where a component is over 255 bytes, the whole over 4096, or a control byte (NUL among them) occurs.
    [[nodiscard]] std::optional<virtual_path> resolve(std::string_view text) const;

    [[nodiscard]] bool is_root() const noexcept { return text_.size() == 1; }
    // The root's parent is the root.
    [[nodiscard]] virtual_path parent() const;
    // Last component; empty for the root.
    [[nodiscard]] std::string_view name() const noexcept;
    // As text: "/a/b".
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// Without the leading slash, "." for the root: what an openat2 beneath the root's descriptor takes.
    [[nodiscard]] std::string_view beneath() const noexcept;

    friend bool operator==(const virtual_path&, const virtual_path&) = default;

private:
    std::string text_ = "/";
};

}  // namespace sallyport
