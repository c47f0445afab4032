#include <sallyport/proto/working_directory.hpp>

#include <optional>

#include <sallyport/base/virtual_path.hpp>

namespace sallyport::proto {
namespace {

constexpr std::size_t max_size = 4096;

/// An absolute path, also with a drive ("C:\in", "C:/in") or in another system's notation ("'BOB.IN'").
[[nodiscard]] bool is_absolute(std::string_view path) {
    return path.starts_with('/') || path.starts_with('\\') || path.starts_with('\'') || path.substr(0, 3).ends_with(":\\") ||
           path.substr(0, 3).ends_with(":/");
}

[[nodiscard]] std::optional<std::string> quoted(std::string_view text) {
    const auto first = text.find('"');
    if (first == std::string_view::npos) return std::nullopt;
    std::string out;
    for (auto i = first + 1; i < text.size(); ++i) {
        if (text[i] == '"' && (i + 1 == text.size() || text[++i] != '"')) return out;
        out += text[i];
    }
    return std::nullopt;
}

}  // namespace

void working_directory::reply_received(verb id, std::string_view argument, const reply& r) {
    if (!r.positive()) return;
    if (id == verb::pwd) {
        auto named = quoted_path(r);
        if (named.empty() || named.size() > max_size) return;
        text_ = std::move(named);
        known_ = true;
    } else if (id == verb::cwd || id == verb::cdup) {
        if (id == verb::cdup) argument = "..";
        known_ = !argument.starts_with('~') && (known_ || is_absolute(argument));
        text_ = absolute(argument);
    }
}

std::string working_directory::absolute(std::string_view path) const {
    if (path.starts_with('/') || text_.starts_with('/')) {
        const auto base = virtual_path().resolve(text_.starts_with('/') ? std::string_view(text_) : "/");
        const auto found = base ? base->resolve(path) : std::nullopt;
        if (found && (path.starts_with('/') || !is_absolute(path))) return found->text();
        return std::string(path.substr(0, max_size));
    }
    if (is_absolute(path)) return std::string(path.substr(0, max_size));
    auto out = text_;
    if (!path.empty()) out.append(out.ends_with('\\') ? "" : "/").append(path);
    return out.substr(0, max_size);
}

std::string quoted_path(const reply& r) {
    return r.code == 257 ? search_lines(r, quoted).value_or(std::string()) : std::string();
}

}  // namespace sallyport::proto
