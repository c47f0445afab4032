#include <sallyport/cli/config_file.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <toml++/toml.h>
#include <CLI/CLI.hpp>

namespace sallyport::cli {
namespace {

std::string place(const std::string& file, const toml::node& node) {
    return fmt::format("{}, line {}", file, node.source().begin.line);
}

/// The text that the command line would have had; nothing for a value that has no such form.
std::vector<std::string> words_of(const toml::node& value) {
    if (const auto* text = value.as_string()) return {text->get()};
    if (const auto* number = value.as_integer()) return {std::to_string(number->get())};
    if (const auto* flag = value.as_boolean()) return {flag->get() ? "true" : "false"};
    std::vector<std::string> words;
    if (const auto* list = value.as_array()) {
        for (const auto& item : *list) {
            if (item.is_array()) return {};
            const auto inner = words_of(item);
            if (inner.empty()) return {};
            words.push_back(inner.front());
        }
    }
    return words;
}

/// What is applied to what, and where it was found.
struct application {
    CLI::App& command;
    const std::string& file;
    config_places places;
};

result<void> apply_value(application& to, const std::string& key, const toml::node& value) {
    auto& [command, file, places] = to;
    CLI::Option* option = command.get_option_no_throw("--" + key);
    if (option == nullptr || key == "config" || key == "help") {
        return fail(errc::syntax, fmt::format("{}: '{}' is not a setting of '{}'; '{} --help' lists them",
                                              place(file, value), key, command.get_name(), command.get_name()));
    }
    if (option->count() != 0) return {};  // the command line wins
    const auto words = words_of(value);
    if (words.empty())
        return fail(errc::syntax, fmt::format("{}: '{}' needs a text, a number or true/false", place(file, value), key));
    try {
        const auto* const list = value.as_array();
        for (std::size_t i = 0; i < words.size(); ++i) {
            option->add_result(words[i]);
            places.add(key, words[i], (list == nullptr ? value : *list->get(i)).source().begin.line);
        }
        option->run_callback();
    } catch (const CLI::Error& e) {
        return fail(errc::syntax, fmt::format("{}: '{}': {}", place(file, value), key, e.what()));
    }
    return {};
}

result<void> apply_table(application& to, const std::string& prefix, const toml::table& table) {
    for (const auto& [name, value] : table) {
        std::string key = prefix + std::string(name.str());
        std::ranges::replace(key, '_', '-');
        const auto done = value.is_table() ? apply_table(to, key + "-", *value.as_table()) : apply_value(to, key, value);
        if (!done) return done;
    }
    return {};
}

}  // namespace

void config_places::add(std::string key, std::string word, std::size_t line) {
    values_.push_back({std::move(key), std::move(word), line});
}

error config_places::locate(error why) const {
    const auto speaks_of = [&](std::string_view text) {
        return text.size() > 2 && why.what.find(text) != std::string::npos;
    };
    const auto names = [&](const value& v) { return speaks_of("--" + v.key + ' ') || speaks_of("--" + v.key + ':'); };
    auto found = std::ranges::find_if(values_, [&](const value& v) { return names(v) && speaks_of(v.word); });
    if (found == values_.end()) found = std::ranges::find_if(values_, [&](const value& v) { return speaks_of(v.word); });
    if (found == values_.end()) found = std::ranges::find_if(values_, names);
    if (found != values_.end()) why.what = fmt::format("{}, line {}: {}", file_, found->line, why.what);
    return why;
}

option_values values_of(const CLI::App& command) {
    option_values out;
    for (const auto* option : command.get_options()) {
        if (option->count() != 0) out[option->get_single_name()] = option->results();
    }
    return out;
}

void give(CLI::App& command, const option_values& values) {
    for (const auto& [name, words] : values) {
        auto* option = command.get_option_no_throw("--" + name);
        if (option == nullptr) option = command.get_option(name);  // one without dashes
        for (const auto& word : words) option->add_result(word);
        option->run_callback();
    }
}

result<config_places> apply_config_file(CLI::App& command, const std::string& file) {
    try {
        application to{command, file, config_places(file)};
        const auto applied = apply_table(to, "", toml::parse_file(file));
        if (!applied) return std::unexpected(applied.error());
        return std::move(to.places);
    } catch (const toml::parse_error& e) {
        return fail(errc::syntax, fmt::format("{}, line {}: {}", file, e.source().begin.line, e.description()));
    }
}

}  // namespace sallyport::cli
