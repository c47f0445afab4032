#include <sallyport/cli/shell_arguments.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <glob.h>

#include <sallyport/cli/option_text.hpp>
#include <sallyport/client/glob.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::cli {
namespace {

bool has(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

bool is_url(std::string_view text) { return text.contains("://"); }

/// `directory` begins with '/', or is below a directory that is not known.
std::string joined_path(std::string_view directory, std::string_view name) {
    const bool from_root = name.starts_with('/') || directory.starts_with('/');
    std::vector<std::string> parts;
    if (!name.starts_with('/')) parts = client::components_of(directory);
    for (auto& each : client::components_of(name)) {
        if (each == "..") {
            if (!parts.empty()) parts.pop_back();
        } else if (each != ".") {
            parts.push_back(std::move(each));
        }
    }
    std::string out;
    for (const auto& each : parts) out += (out.empty() && !from_root ? "" : "/") + each;
    const bool ends = name.ends_with('/') || name == "." || name.ends_with("/.");
    return out.empty() ? (from_root ? "/" : "") : out + (ends ? "/" : "");
}

std::string as_pattern(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::string_view("*?[]\\").contains(c)) out += '\\';
        out += c;
    }
    return out;
}

std::string url_with(client::url site, std::string path) {
    site.path = std::move(path);
    return site.text();
}

/// Whether the value of this option is the next word.
bool takes_value(const command_table& table, const std::string& name) {
    for (const auto& group : table.groups)
        for (const auto& row : group.rows)
            if (has(names_of(row), name)) return !row.form.empty() && !row.form.starts_with("[=");
    return false;
}

struct sorted_words {
    /// With their values, as they are.
    std::vector<std::string> options;
    std::vector<std::string> option_names;
    command_words arguments;
};

/// The options of one word, of which the value of the last one may be the next word. False: there is none.
bool add_options(const command_table& table, const std::string& text, sorted_words& out) {
    if (text.starts_with("--")) {
        const auto equals = std::min(text.find('='), text.size());
        out.option_names.push_back(text.substr(0, equals));
        return equals == text.size() && takes_value(table, text);
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
        const std::string name{'-', text[i]};
        out.option_names.push_back(name);
        if (takes_value(table, name)) return i + 1 == text.size();
    }
    return false;
}

sorted_words sorted(const command_table& table, const command_words& words) {
    sorted_words out;
    bool only_arguments = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& text = words[i].text;
        if (only_arguments || text.size() < 2 || text.front() != '-') {
            out.arguments.push_back(words[i]);
        } else if (text == "--") {
            only_arguments = true;
        } else {
            out.options.push_back(text);
            if (add_options(table, text, out) && i + 1 < words.size()) out.options.push_back(words[++i].text);
        }
    }
    return out;
}

/// Takes the option out, and returns its value.
std::string take_option(sorted_words& from, std::string_view name) {
    const auto found = std::ranges::find(from.options, name);
    if (found == from.options.end() || std::next(found) == from.options.end()) return {};
    auto out = *std::next(found);
    from.options.erase(found, found + 2);
    return out;
}

/// The files that the pattern matches; the word itself if there is none, so that the command reports it.
void add_local_files(const command_word& word, std::vector<std::string>& to) {
    if (!client::has_wildcards(word.text)) return to.push_back(word.text);
    ::glob_t found{};
    if (::glob(word.pattern.c_str(), 0, nullptr, &found) == 0)
        to.insert(to.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    else
        to.push_back(word.text);
    ::globfree(&found);
}

/// With the options of put and mirror that only the shell has.
command_table with_shell_options(command_table table, argument_use use) {
    if (use == argument_use::local_files) table.add("Files", {{"-o", "NAME", {}, {}}, {"-O", "DIR", {}, {}}});
    return table;
}

result<void> add_upload(sorted_words& from, const shell_place& place, std::vector<std::string>& out) {
    const auto name = take_option(from, "-o");
    const auto directory = take_option(from, "-O");
    out = from.options;
    std::string target = place.url_of("./");
    if (!from.arguments.empty() && is_url(from.arguments.back().text)) {
        target = from.arguments.back().text;
        from.arguments.pop_back();
    } else if (!name.empty()) {
        target = place.url_of(name);
    } else if (!directory.empty()) {
        target = place.url_of(directory + "/");
    }
    out.emplace_back("--");
    for (const auto& each : from.arguments) add_local_files(each, out);
    if (from.arguments.empty() && !has(from.option_names, "--from-file"))
        return fail(errc::usage, "name the local files to upload; 'lls' lists them");
    out.push_back(std::move(target));
    return {};
}

result<void> add_mirror(sorted_words& from, const shell_place& place, std::vector<std::string>& out) {
    const bool upload = std::erase(from.options, "-R") > 0;
    out = from.options;
    if (from.arguments.empty() || from.arguments.size() > 2)
        return fail(errc::usage, "use mirror REMOTE [LOCAL], or mirror -R LOCAL [REMOTE]");
    const auto& source = from.arguments.front().text;
    const auto& target = from.arguments.size() == 2
                             ? from.arguments.back().text
                             : client::last_component(source.substr(0, source.find_last_not_of('/') + 1));
    if (target.empty() || target == "..") return fail(errc::usage, "name the directory to mirror to");
    out.emplace_back("--");
    out.push_back(upload ? source : place.url_of(source));
    out.push_back(upload ? place.url_of(target) : target);
    return {};
}

}  // namespace

std::string shell_place::path_of(std::string_view name) const { return joined_path(directory, name); }

std::string shell_place::url_of(const std::string& name) const {
    return is_url(name) ? name : url_with(site, path_of(name));
}

std::string shell_place::pattern_url_of(const command_word& word) const {
    if (is_url(word.text)) return word.text;
    auto path = path_of(word.text);
    if (client::has_wildcards(path)) path = joined_path(as_pattern(directory), word.pattern);
    return url_with(site, std::move(path));
}

std::vector<std::string> options_in(const command_table& table, const command_words& words) {
    return sorted(table, words).option_names;
}

result<std::vector<std::string>> client_arguments(const command_table& table, argument_use use, const command_words& words,
                                                  const shell_place& place) {
    auto from = sorted(with_shell_options(table, use), words);
    std::vector<std::string> out = from.options;
    using enum argument_use;
    if (use == ftp_command) {
        // Its own words may begin with dashes.
        out = {"--", place.url_of("")};
        for (const auto& each : words) out.push_back(each.text);
        return out;
    }
    if (use == local_files) {
        if (const auto added = add_upload(from, place, out); !added) return std::unexpected(added.error());
        return out;
    }
    if (use == mirror) {
        if (const auto added = add_mirror(from, place, out); !added) return std::unexpected(added.error());
        return out;
    }
    const bool as_names = use == names || use == names_or_here || has(from.option_names, "--no-glob");
    if ((use == patterns_or_here || use == names_or_here) && from.arguments.empty()) from.arguments.emplace_back();
    out.emplace_back("--");
    for (std::size_t i = 0; i < from.arguments.size(); ++i) {
        const auto& each = from.arguments[i];
        if (use == mode_and_patterns && i == 0)
            out.push_back(each.text);
        else if (use == patterns_and_target && i > 0 && i + 1 == from.arguments.size())
            out.push_back(place.path_of(each.text));
        else
            out.push_back(as_names ? place.url_of(each.text) : place.pattern_url_of(each));
    }
    return out;
}

}  // namespace sallyport::cli
