#include <sallyport/cli/account_changes.hpp>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/account_sections.hpp>

namespace sallyport::cli {
namespace {

std::optional<toml::table> parse(std::string_view text) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error&) {
        return std::nullopt;
    }
}

toml::array texts_of(std::string_view list) {
    toml::array out;
    for (;;) {
        const auto comma = list.find(',');
        out.push_back(std::string(list.substr(0, comma)));
        if (comma == list.npos) return out;
        list.remove_prefix(comma + 1);
    }
}

/// A section with this key alone.
toml::table toml_line(const std::string& key, key_form form, std::string_view value) {
    toml::table out;
    if (form == key_form::list && !value.starts_with('[')) {
        out.insert(key, texts_of(value));
        return out;
    }
    if (form != key_form::text)
        if (auto written = parse(fmt::format("{} = {}", key, value))) return std::move(*written);
    out.insert(key, std::string(value));
    return out;
}

/// In one line, with tables in braces.
std::string line_of(const toml::table& table) {
    toml::table flat = table;
    for (auto&& [key, value] : flat)
        if (auto* const inner = value.as_table()) inner->is_inline(true);
    std::ostringstream out;
    out << toml::toml_formatter(flat);
    std::string text = out.str();
    for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 2)) text.replace(at, 1, ", ");
    return text;
}

}  // namespace

result<std::string> change_settings(std::string_view settings, const std::vector<std::string>& changes) {
    auto table = parse(settings);
    if (!table) return fail(errc::usage, "the settings of this account are damaged; delete it and add it again");
    for (const auto& change : changes) {
        const auto refuse = [&change](std::string_view why) {
            return fail(errc::usage, fmt::format("'{}': {}", escape(change, 200), why));
        };
        const auto equals = change.find('=');
        if (equals == change.npos) return refuse("is no setting; use KEY=VALUE, or KEY= to remove it");
        if (std::ranges::any_of(change, is_control)) return refuse("contains control characters; remove them");
        std::string key = change.substr(0, equals);
        std::ranges::replace(key, '_', '-');
        const auto form = form_of_account_key(key, stored_account_kind);
        const auto value = std::string_view(change).substr(equals + 1);
        if (form && value.empty()) {
            table->erase(key);
            continue;
        }
        auto one = toml_line(key, form.value_or(key_form::text), value);
        if (const auto good = read_account_section(one, stored_account_kind, {}); !good) {
            // Without file and line.
            const std::string_view why = good.error().what;
            return refuse(why.substr(std::min(why.size(), why.find(": ") + 2)));
        }
        table->insert_or_assign(key, std::move(*one.get(key)));
    }
    std::ostringstream out;
    out << toml::toml_formatter(*table);
    return out.str();
}

std::string settings_line(std::string_view settings) {
    const auto table = parse(settings);
    return escape(table ? line_of(*table) : settings, 10'000);
}

std::string settings_json(std::string_view settings) {
    const auto table = parse(settings);
    if (!table) return json_string(settings);
    std::ostringstream out;
    out << toml::json_formatter(*table, toml::format_flags::quote_dates_and_times);
    std::string text = out.str();
    std::erase(text, '\n');
    return text;
}

}  // namespace sallyport::cli
