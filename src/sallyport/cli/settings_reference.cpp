#include <sallyport/cli/settings_reference.hpp>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/option_text.hpp>

namespace sallyport::cli {
namespace {

void collect(settings_reference& into, const option_row& row, const std::string& title, const std::string& command) {
    auto group = std::ranges::find(into, title, &settings_reference::value_type::first);
    if (group == into.end()) group = into.insert(into.end(), {title, {}});
    const reference_row fresh{head_of(row), row.value.in_file ? key_of(row) : "", {command}, facts_of(row), row.help};
    const auto same = std::ranges::find_if(group->second, [&](const reference_row& r) {
        return r.option == fresh.option && r.facts == fresh.facts && r.help == fresh.help;
    });
    if (same == group->second.end())
        group->second.push_back(fresh);
    else
        same->commands.push_back(command);
}

std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

std::string parameters_of(const option_row& row) {
    if (row.parameters.empty()) return {};
    auto out = fmt::format("### Parameters of {}\n\n| parameter | default | meaning |\n|---|---|---|\n", row.name);
    for (const auto& each : row.parameters)
        out += fmt::format("| `{}` | {} | {} |\n", cell(each.form), cell(each.default_text), cell(each.help));
    return out + '\n';
}

}  // namespace

settings_reference make_reference(const std::vector<const CLI::App*>& commands) {
    settings_reference out;
    for (const auto* command : commands) {
        const auto name = full_name(*command);
        for (const auto& group : table_of(*command).groups)
            for (const auto& row : group.rows) collect(out, row, group.title, name.substr(name.find(' ') + 1));
    }
    return out;
}

std::string settings_page(const CLI::App& program) {
    const auto commands = with_subcommands(program);
    std::string out;
    for (const auto& [title, rows] : make_reference(commands)) {
        out += fmt::format("### {}\n\n| option | commands | default, range | meaning |\n|---|---|---|---|\n", title);
        for (const auto& row : rows)
            out += fmt::format("| `{}` | {} | {} | {} |\n", cell(row.option), fmt::join(row.commands, ", "), cell(row.facts),
                               cell(row.help));
        out += '\n';
    }
    for (const auto* command : commands)
        for (const auto& group : table_of(*command).groups)
            for (const auto& row : group.rows) {
                // Commands have options in common.
                const auto parameters = parameters_of(row);
                if (!out.contains(parameters)) out += parameters;
            }
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

}  // namespace sallyport::cli
