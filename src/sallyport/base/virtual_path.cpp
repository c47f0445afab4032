#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/virtual_path.hpp>

#include <algorithm>

namespace sallyport {

std::optional<virtual_path> virtual_path::resolve(std::string_view text) const {
    if (text.size() > limits::max_path_bytes || std::ranges::any_of(text, is_control)) return std::nullopt;
    virtual_path out;
    if (!text.starts_with('/')) out = *this;
    std::size_t components = static_cast<std::size_t>(std::ranges::count(out.text_, '/'));
    while (!text.empty()) {
        const auto slash = text.find('/');
        const auto part = text.substr(0, slash);
        text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            out = out.parent();
            continue;
        }
        if (part.size() > limits::max_name_bytes || ++components > limits::max_path_components) return std::nullopt;
        if (!out.is_root()) out.text_ += '/';
        out.text_ += part;
        if (out.text_.size() > limits::max_path_bytes) return std::nullopt;
    }
    return out;
}

virtual_path virtual_path::parent() const {
    virtual_path out;
    const auto slash = text_.rfind('/');
    if (slash != 0) out.text_ = text_.substr(0, slash);
    return out;
}

std::string_view virtual_path::name() const noexcept { return std::string_view(text_).substr(text_.rfind('/') + 1); }

std::string_view virtual_path::beneath() const noexcept {
    return is_root() ? std::string_view(".") : std::string_view(text_).substr(1);
}

}  // namespace sallyport
