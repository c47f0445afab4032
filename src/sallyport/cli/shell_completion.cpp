#include <sallyport/cli/shell_completion.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/option_text.hpp>
#include <sallyport/cli/shell_verbs.hpp>

namespace sallyport::cli {
namespace {

constexpr std::size_t max_name_bytes = 4096;

/// Other names would change the terminal, or could not be typed.
bool can_be_shown(const std::string& name) { return escape(name, max_name_bytes) == name; }

std::vector<known_name> verbs_as_names() {
    std::vector<known_name> out;
    for (const auto& each : shell_verbs()) out.push_back({std::string(each.name), false});
    return out;
}

std::vector<known_name> option_names_of(const shell_verb& verb) {
    std::vector<known_name> out;
    const auto options = options_of(verb);
    for (const auto& group : options.groups)
        for (const auto& row : group.rows)
            for (auto& name : names_of(row)) out.push_back({std::move(name), false});
    return out;
}

std::vector<known_name> local_names_in(const std::string& directory) {
    std::vector<known_name> out;
    std::error_code failed;
    const std::filesystem::directory_iterator all(directory.empty() ? "." : directory, failed);
    for (auto at = begin(all); !failed && at != end(all); at.increment(failed)) {
        std::error_code unknown;
        out.push_back({at->path().filename().string(), at->is_directory(unknown)});
    }
    return out;
}

std::string common_beginning(const std::vector<known_name>& names) {
    std::string out = names.front().name;
    for (const auto& each : names)
        out.resize(static_cast<std::size_t>(std::ranges::distance(out.begin(), std::ranges::mismatch(out, each.name).in1)));
    // Not within a character of several bytes.
    const auto is_inside = [&names](std::size_t at) {
        return std::ranges::any_of(
            names, [at](const auto& each) { return at < each.name.size() && (each.name[at] & 0xC0) == 0x80; });
    };
    while (!out.empty() && is_inside(out.size())) out.pop_back();
    return out;
}

/// `before`: what stands before the name in its word, such as its directory.
completion completion_of(const typed_line& typed, const std::string& before, std::vector<known_name> names) {
    std::ranges::sort(names, {}, &known_name::name);
    completion out{typed.last.begin, {}, {}};
    const bool is_only = names.size() == 1;
    out.word = quoted_name(before + common_beginning(names), typed.quote);
    if (is_only && names.front().is_directory)
        out.word += '/';
    else if (is_only)
        out.word += typed.quote == 0 ? std::string(" ") : std::string{typed.quote, ' '};
    for (const auto& each : names) out.choices.push_back(each.name + (each.is_directory ? "/" : ""));
    return out;
}

/// After -o and -O, names are those of the other side.
std::optional<std::vector<known_name>> names_for(const shell_verb& verb, const typed_line& line,
                                                 const std::string& directory, const shell_place& place,
                                                 remote_names* names) {
    const auto& previous = line.before.back().text;
    const bool is_place = verb.add != nullptr && (previous == "-o" || previous == "-O");
    if (verb.has_local_names != is_place) return local_names_in(directory);
    if (names == nullptr) return std::nullopt;
    const auto path = place.path_of(directory);
    return names->in(path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path);
}

}  // namespace

std::optional<completion> complete_line(std::string_view typed, const shell_place& place, remote_names* names) {
    auto line = split_typed(typed);
    if (!line.before.empty() && line.before.front().text == "bg") line.before.erase(line.before.begin());
    const auto& word = line.last.text;
    std::optional<std::vector<known_name>> found;
    std::string before;
    const auto* const verb = line.before.empty() ? nullptr : find_verb_of_shell(line.before.front().text);
    if (line.before.empty() || line.before.front().text == "help") {
        found = verbs_as_names();
    } else if (verb == nullptr) {
        return std::nullopt;
    } else if (word.starts_with('-')) {
        found = option_names_of(*verb);
    } else {
        before = word.substr(0, word.rfind('/') + 1);
        found = names_for(*verb, line, before, place, names);
    }
    if (!found) return std::nullopt;
    const auto begun = std::string_view(word).substr(before.size());
    std::erase_if(*found, [&](const known_name& each) {
        return !each.name.starts_with(begun) || !can_be_shown(each.name) || (begun.empty() && each.name.starts_with('.')) ||
               (verb != nullptr && verb->name == "cd" && !each.is_directory);
    });
    if (found->empty()) return std::nullopt;
    return completion_of(line, before, std::move(*found));
}

}  // namespace sallyport::cli
