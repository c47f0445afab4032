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

result<void> apply_value(CLI::App& command, const std::string& file, const std::string& key, const toml::node& value) {
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
        for (const auto& word : words) option->add_result(word);
        option->run_callback();
    } catch (const CLI::Error& e) {
        return fail(errc::syntax, fmt::format("{}: '{}': {}", place(file, value), key, e.what()));
    }
    return {};
}

result<void> apply_table(CLI::App& command, const std::string& file, const std::string& prefix, const toml::table& table) {
    for (const auto& [name, value] : table) {
        std::string key = prefix + std::string(name.str());
        std::ranges::replace(key, '_', '-');
        const auto done = value.is_table() ? apply_table(command, file, key + "-", *value.as_table())
                                           : apply_value(command, file, key, value);
        if (!done) return done;
    }
    return {};
}

}  // namespace

result<void> apply_config_file(CLI::App& command, const std::string& file) {
    try {
        return apply_table(command, file, "", toml::parse_file(file));
    } catch (const toml::parse_error& e) {
        return fail(errc::syntax, fmt::format("{}, line {}: {}", file, e.source().begin.line, e.description()));
    }
}

}  // namespace sallyport::cli
