#include <sallyport/cli/sample_file.hpp>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/help.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/option_text.hpp>

namespace sallyport::cli {
namespace {

constexpr std::size_t line_length = 100;

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// A TOML value: the default, or the form of the value, of several the first.
std::string value_of(const option_row& row) {
    if (row.form.empty() || row.form.starts_with("[=")) return "false";
    // Another text of a default is a sentence, and "0 (no limit)" is a number with one.
    auto text = row.default_text.empty() ? row.value.default_text : std::string();
    if (const auto more = text.find(" ("); more != std::string::npos) text.resize(more);
    if (is_number(text)) return text;
    std::string out = "\"";
    for (const char c : text.empty() ? row.form.substr(0, row.form.find('|')) : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
    return row.value.repeatable ? '[' + out + ']' : out;
}

std::string comment(std::string_view text) {
    std::string out;
    const auto lines = wrapped(text, line_length - 2, 0);
    for (std::size_t at = 0; at < lines.size();) {
        const auto end = lines.find('\n', at);
        out += "# " + lines.substr(at, end - at) + '\n';
        at = end + 1;
    }
    return out;
}

}  // namespace

std::string sample_file(const CLI::App& command) {
    std::string out;
    if (!has_sample_file(command)) return out;
    for (const auto& group : table_of(command).groups) {
        std::string settings;
        for (const auto& row : group.rows) {
            if (is_argument(row) || !row.value.in_file) continue;
            const auto facts = facts_of(row);
            settings += '\n' + comment(facts.empty() ? row.help : fmt::format("{} [{}]", row.help, facts));
            for (const auto& each : row.parameters) settings += comment(fmt::format("  {}  {}", each.form, each.help));
            settings += fmt::format("#{} = {}\n", key_of(row), value_of(row));
        }
        if (!settings.empty()) out += fmt::format("\n# ---- {}\n{}", group.title, settings);
    }
    const auto name = full_name(command);
    return comment(
               fmt::format("Configuration of '{}', read by '{} --config FILE'. Lines that begin with # and a space are "
                           "comments; remove the # of a setting to change it. The command line takes precedence over this "
                           "file; '{} check' finds mistakes in it.",
                           name, name, name)) +
           out;
}

}  // namespace sallyport::cli
