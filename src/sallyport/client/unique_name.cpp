#include <sallyport/client/unique_name.hpp>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {

namespace {

std::string name_after(std::string_view text, std::string_view mark) {
    const auto at = to_lower(text).find(mark);
    if (at == std::string::npos) return {};
    auto rest = text.substr(at + mark.size());
    while (rest.starts_with(' ') || rest.starts_with('"')) rest.remove_prefix(1);
    while (rest.ends_with(' ') || rest.ends_with('"') || rest.ends_with('.') || rest.ends_with(')')) rest.remove_suffix(1);
    return std::string(rest);
}

}  // namespace

std::string unique_name_in(std::string_view beginning, std::string_view end) {
    for (const auto text : {beginning, end})
        for (const std::string_view mark : {"file:", "file name:", "filename:"})
            if (auto name = name_after(text, mark); !name.empty()) return name;
    return {};
}

}  // namespace sallyport::client
