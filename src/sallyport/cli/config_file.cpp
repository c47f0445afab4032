#include <sallyport/cli/config_file.hpp>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <toml++/toml.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/cli/account_sections.hpp>
#include <sallyport/cli/config_text.hpp>

namespace sallyport::cli {
namespace {

/// Nothing if there is no such option. CLI11's function copies the names and is noexcept, so it must not fail.
CLI::Option* find_option(CLI::App& command, const std::string& name) {
    const use_memory_reserve reserve;
    return command.get_option_no_throw(name);
}

std::string location(const std::string& file, const toml::node& node) {
    return fmt::format("{}, line {}", file, node.source().begin.line);
}

/// The values in the form of the command line; empty for a value without such a form.
std::vector<std::string> texts_of(const toml::node& value) {
    if (const auto* text = value.as_string()) return {text->get()};
    if (const auto* number = value.as_integer()) return {std::to_string(number->get())};
    if (const auto* number = value.as_floating_point()) return {fmt::format("{}", number->get())};
    if (const auto* flag = value.as_boolean()) return {flag->get() ? "true" : "false"};
    std::vector<std::string> words;
    if (const auto* list = value.as_array()) {
        for (const auto& item : *list) {
            if (item.is_array()) return {};
            const auto inner = texts_of(item);
            if (inner.empty()) return {};
            words.push_back(inner.front());
        }
    }
    return words;
}

/// TOML does not permit both, and its error does not say what to do.
std::string_view hint_for(std::string_view description) {
    if (!description.contains("redefine existing")) return "";
    if (description.contains("'user.")) return "; write each user of 'user = [...]' as a section [user.NAME] as well";
    if (description.contains("'anonymous'")) return "; remove 'anonymous = ...', since the section enables anonymous login";
    return "";
}

/// State of applying a file to a command.
struct application {
    CLI::App& command;
    const std::string& file;
    config_locations locations;
    unknown_keys unknown;
    account_sections* accounts;
    // Keys so far; TOML does not know which keys are the same setting.
    std::set<std::string> seen{};
};

std::vector<std::string> keys_of(const CLI::App& command) {
    std::vector<std::string> out;
    for (const auto* option : command.get_options())
        if (option->get_configurable() && !option->get_lnames().empty()) out.push_back(option->get_lnames().front());
    return out;
}

result<void> apply_value(application& to, const std::string& key, const toml::node& value) {
    auto& [command, file, locations, unknown, accounts, seen] = to;
    const auto refuse = [&](std::string_view failure) {
        return fail(errc::usage, fmt::format("{}: '{}'{}", location(file, value), escape(key, 100), failure));
    };
    CLI::Option* option = key.empty() ? nullptr : find_option(command, "--" + key);
    if (option == nullptr || !option->get_configurable()) {
        if (unknown == unknown_keys::ignore) return {};
        return fail(errc::usage,
                    fmt::format("{}: unknown key '{}'{}", location(file, value), escape(key, 100),
                                did_you_mean(key, keys_of(command),
                                             fmt::format("see 'sallyport {} --help' for valid keys", command.get_name()))));
    }
    if (!seen.insert(key).second) return refuse(" is set a second time; remove one of them");
    // The command line takes precedence.
    if (option->count() != 0) return {};
    const auto words = texts_of(value);
    if (words.empty()) return refuse(" needs a text, a number, true or false");
    const bool is_switch = option->get_items_expected_max() == 0;
    // A switch with a form is one that may have a text.
    const bool may_have_text = is_switch && !option->get_type_name().empty();
    if (is_switch != value.is_boolean() && !(may_have_text && value.is_string()))
        return refuse(is_switch ? " needs true or false" : " needs a value, not true or false");
    const auto* const list = value.as_array();
    try {
        for (std::size_t i = 0; i < words.size(); ++i) {
            option->add_result(words[i]);
            locations.add(key, words[i], (list == nullptr ? value : *list->get(i)).source().begin.line);
        }
        option->run_callback();
    } catch (const CLI::ArgumentMismatch&) {
        return refuse(" takes one value, not a list");
    } catch (const CLI::Error& e) {
        return refuse(fmt::format(": {}", e.what()));
    }
    if (const auto good = check_values(*option); !good) return refuse(fmt::format(": {}", good.error().what));
    return {};
}

// NOLINTNEXTLINE(misc-no-recursion): check_config_text() has bounded the depth.
result<void> apply_table(application& to, const std::string& prefix, const toml::table& table) {
    for (const auto& [name, value] : table) {
        std::string key = prefix + std::string(name.str());
        if (to.accounts != nullptr && value.is_table() && account_sections::is_section(key)) {
            if (auto done = to.accounts->read(key, *value.as_table(), to.file); !done) return done;
            continue;
        }
        std::ranges::replace(key, '_', '-');
        const auto done = value.is_table() ? apply_table(to, key + "-", *value.as_table()) : apply_value(to, key, value);
        if (!done) return done;
    }
    return {};
}

}  // namespace

void config_locations::add(std::string key, std::string text, std::size_t line) {
    values_.push_back({std::move(key), std::move(text), line});
}

bool config_locations::has(std::string_view key) const {
    return std::ranges::find(values_, key, &value::key) != values_.end();
}

error config_locations::locate(error failure) const {
    const auto speaks_of = [&](std::string_view text) {
        return text.size() > 2 && failure.what.find(text) != std::string::npos;
    };
    const auto names = [&](const value& v) { return speaks_of("--" + v.key + ' ') || speaks_of("--" + v.key + ':'); };
    // For NAME:SECRET, an error contains only the name.
    const auto names_user = [&](const value& v) {
        return names(v) && speaks_of(fmt::format("'{}'", escape(v.text.substr(0, v.text.find(':')), 100)));
    };
    auto found = std::ranges::find_if(values_, [&](const value& v) { return names(v) && speaks_of(v.text); });
    if (found == values_.end()) {
        // The last one: if a name is given twice, the second one is wrong.
        const auto last = std::find_if(values_.rbegin(), values_.rend(), names_user);
        if (last != values_.rend()) found = std::prev(last.base());
    }
    if (found == values_.end()) found = std::ranges::find_if(values_, [&](const value& v) { return speaks_of(v.text); });
    if (found == values_.end()) found = std::ranges::find_if(values_, names);
    if (found != values_.end()) failure.what = fmt::format("{}, line {}: {}", file_, found->line, failure.what);
    return failure;
}

option_values values_of(const CLI::App& command) {
    option_values out;
    for (const auto* option : command.get_options()) {
        if (option->count() != 0) out[option->get_single_name()] = option->results();
    }
    return out;
}

void apply_values(CLI::App& command, const option_values& values) {
    for (const auto& [name, words] : values) {
        auto* option = find_option(command, "--" + name);
        // An option without dashes.
        if (option == nullptr) option = command.get_option(name);
        for (const auto& word : words) option->add_result(word);
        option->run_callback();
    }
}

result<void> check_values(const CLI::Option& option) {
    for (const auto& word : option.results()) {
        if (word.empty() && option.get_items_expected_max() != 0)
            return fail(errc::usage,
                        fmt::format("{}: the value is empty; set one, or remove the option", option.get_name()));
        if (std::ranges::any_of(word, is_control))
            return fail(errc::usage,
                        fmt::format("{}: a value can't contain line breaks or other control characters; remove them",
                                    option.get_name()));
    }
    return {};
}

result<void> check_values(const CLI::App& command) {
    for (const auto* option : command.get_options())
        if (const auto good = check_values(*option); !good) return good;
    return {};
}

result<config_locations> apply_config_file(CLI::App& command, const std::string& file, unknown_keys unknown,
                                           account_sections* accounts) {
    const auto text = read_small_file(file);
    if (!text) return std::unexpected(error{errc::usage, text.error().os, text.error().what});
    if (const auto bounded = check_config_text(*text); !bounded)
        return fail(errc::usage, fmt::format("{}, {}", file, bounded.error().what));
    try {
        application to{
            .command = command, .file = file, .locations = config_locations(file), .unknown = unknown, .accounts = accounts};
        const auto applied = apply_table(to, "", toml::parse(*text, file));
        if (!applied) return std::unexpected(applied.error());
        return std::move(to.locations);
    } catch (const toml::parse_error& e) {
        return fail(errc::usage, fmt::format("{}, line {}: {}{}", file, e.source().begin.line, escape(e.description(), 300),
                                             accounts == nullptr ? "" : hint_for(e.description())));
    } catch (const std::exception& e) {
        return fail(errc::usage, fmt::format("{}: invalid TOML: {}", file, escape(e.what(), 300)));
    }
}

}  // namespace sallyport::cli
