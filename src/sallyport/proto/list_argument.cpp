#include <sallyport/proto/list_argument.hpp>

#include <algorithm>

namespace sallyport::proto {
namespace {

// "-la", "-aL", "-CF", "-1": options that clients send to every server, never as a name. Other words that start with '-' are
// options only if no file has that name: a directory may be called "-old".
[[nodiscard]] bool is_usual_option(std::string_view word) noexcept {
    constexpr std::string_view letters = "-1AaCdFLlRrTt";
    return word.find_first_not_of(letters) == std::string_view::npos;
}

}  // namespace

list_argument list_argument::parse(std::string_view text) {
    list_argument out;
    while (text.starts_with('-')) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view option = text.substr(0, end);
        if (out.unusual.empty() && !is_usual_option(option)) out.unusual = text;
        text.remove_prefix(std::min(text.size(), end + 1));
        if (option == "--") break;
        while (text.starts_with(' ')) text.remove_prefix(1);
        out.show_hidden = out.show_hidden || option.find_first_of("aA") != std::string_view::npos;
    }
    const std::string_view last = text.substr(text.rfind('/') + 1);
    if (last.find_first_of("*?[") != std::string_view::npos) out.pattern = last;
    out.name = text;
    out.path = text.substr(0, text.size() - out.pattern.size());
    return out;
}

}  // namespace sallyport::proto
