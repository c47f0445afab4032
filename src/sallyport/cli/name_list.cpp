#include <sallyport/cli/name_list.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <memory>

namespace sallyport::cli {
namespace {

/// More is no list of names.
constexpr std::size_t max_list_bytes = 256UL * 1024 * 1024;

result<std::string> read_all(std::FILE* from, const std::string& name) {
    std::string out;
    std::string block(64 * 1024, '\0');
    for (;;) {
        const auto n = std::fread(block.data(), 1, block.size(), from);
        out.append(block, 0, n);
        if (n == 0) break;
        if (out.size() > max_list_bytes) return fail(errc::too_long, name + ": the list is longer than 256 MiB; divide it");
    }
    if (std::ferror(from) != 0) return fail_os(errno, name);
    return out;
}

}  // namespace

std::vector<std::string> names_in(std::string_view text) {
    const char end = text.contains('\0') ? '\0' : '\n';
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto length = std::min(text.find(end), text.size());
        auto name = text.substr(0, length);
        if (end == '\n' && name.ends_with('\r')) name.remove_suffix(1);
        if (!name.empty()) out.emplace_back(name);
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return out;
}

result<void> add_listed_names(const std::string& file, std::vector<std::string>& names) {
    if (file.empty()) return {};
    const bool is_input = file == "-";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(is_input ? nullptr : std::fopen(file.c_str(), "re"),
                                                                 [](std::FILE* f) { return std::fclose(f); });
    if (!is_input && !opened) return fail_os(errno, file);
    const auto text = read_all(is_input ? stdin : opened.get(), is_input ? "standard input" : file);
    if (!text) return std::unexpected(text.error());
    std::ranges::move(names_in(*text), std::back_inserter(names));
    return {};
}

}  // namespace sallyport::cli
