#include <sallyport/cli/option_text.hpp>

#include <algorithm>
#include <ranges>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_table.hpp>

namespace sallyport::cli {

bool is_argument(const option_row& row) { return !row.name.starts_with('-'); }

std::string head_of(const option_row& row) {
    std::string out = row.name;
    if (const auto comma = out.find(','); comma != std::string::npos) out.insert(comma + 1, " ");
    if (!row.form.empty()) out += (row.form.starts_with("[=") ? "" : " ") + row.form;
    if (row.value.repeatable) out += " ...";
    return out;
}

std::string facts_of(const option_row& row) {
    const auto& otherwise = row.default_text.empty() ? row.value.default_text : row.default_text;
    std::string out;
    if (row.value.required || otherwise.starts_with("required"))
        out = otherwise.starts_with("required") ? otherwise : "required";
    else if (!otherwise.empty() || !row.form.empty())
        out = "default: " + (otherwise.empty() ? "none" : otherwise);
    if (!row.value.bounds.empty()) out += (out.empty() ? "" : "; ") + row.value.bounds;
    return out;
}

std::vector<std::string> names_of(const option_row& row) {
    std::vector<std::string> out;
    if (is_argument(row)) return out;
    for (const auto part : std::views::split(row.name, ',')) out.emplace_back(std::string_view(part));
    return out;
}

std::string key_of(const option_row& row) {
    const auto at = row.name.find("--");
    return at == std::string::npos ? std::string() : row.name.substr(at + 2);
}

std::string full_name(const CLI::App& command) {
    std::string before;
    for (const auto* each = command.get_parent(); each != nullptr; each = each->get_parent())
        before = each->get_name() + ' ' + before;
    return before + command.get_name();
}

std::string usage_of(const CLI::App& command) {
    std::string out = full_name(command);
    std::string arguments;
    bool has_options = false;
    for (const auto& group : table_of(command).groups) {
        for (const auto& row : group.rows) {
            if (!is_argument(row)) {
                has_options = true;
                continue;
            }
            const auto word = row.name + (row.value.repeatable ? "..." : "");
            arguments += facts_of(row).starts_with("required") ? ' ' + word : fmt::format(" [{}]", word);
        }
    }
    if (has_options) out += " [OPTIONS]";
    out += arguments;
    if (!command.get_subcommands({}).empty()) out += command.get_require_subcommand_min() > 0 ? " COMMAND" : " [COMMAND]";
    return out;
}

bool has_sample_file(const CLI::App& command) {
    return std::ranges::any_of(command.get_subcommands({}),
                               [](const CLI::App* each) { return each->get_name() == "check"; });
}

// NOLINTNEXTLINE(misc-no-recursion): commands are two levels deep.
std::vector<const CLI::App*> with_subcommands(const CLI::App& command) {
    std::vector<const CLI::App*> out{&command};
    for (const auto* each : command.get_subcommands({})) {
        const auto below = with_subcommands(*each);
        out.insert(out.end(), below.begin(), below.end());
    }
    return out;
}

}  // namespace sallyport::cli
