#include <sallyport/imports/import_file.hpp>

#include <algorithm>

namespace sallyport::imports {

file_names names_in(std::string_view text) {
    file_names out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        auto name = line.substr(0, line.find('#'));
        const auto start = std::min(name.find_first_not_of(" \t\r"), name.size());
        name.remove_prefix(start);
        name = name.substr(0, name.find_first_of(" \t\r"));
        if (!name.empty()) out.emplace(name);
    }
    return out;
}

std::optional<file_names> names_in_file(const import_file_reader& read, const std::string& path) {
    const auto text = read(path);
    if (!text) return std::nullopt;
    return names_in(*text);
}

}  // namespace sallyport::imports
