#include <sallyport/cli/help.hpp>

#include <algorithm>
#include <map>
#include <ranges>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/terminal.hpp>

namespace sallyport::cli {
namespace {

constexpr std::size_t usual_width = 80;
constexpr std::size_t help_indent = 4;

bool is_argument(const option_row& row) { return !row.name.starts_with('-'); }

/// "-o, --output FILE", "--listen ADDR:PORT ...".
std::string head_of(const option_row& row) {
    std::string out = row.name;
    if (const auto comma = out.find(','); comma != std::string::npos) out.insert(comma + 1, " ");
    if (!row.form.empty()) out += ' ' + row.form;
    if (row.value.repeatable) out += " ...";
    return out;
}

/// "default: 4; 1 to 127, or off"; empty for a switch.
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

/// The head and the default on one line if they fit, and the help below.
std::string entry(const std::string& head, const std::string& facts, const std::string& help, std::size_t width,
                  std::size_t indent) {
    std::string out = std::string(indent, ' ') + head;
    if (!facts.empty()) {
        const auto bracket = fmt::format("[{}]", facts);
        if (out.size() + 2 + bracket.size() <= width)
            out += "  " + bracket;
        else
            out += '\n' + wrapped(bracket, width, indent + 2);
    }
    if (!out.ends_with('\n')) out += '\n';
    return out + wrapped(help, width, indent + 2);
}

std::string usage_of(const CLI::App& command, const command_table& table) {
    std::string out = "Usage: " + full_name(command);
    std::string arguments;
    bool has_options = false;
    for (const auto& group : table.groups) {
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
    return out + '\n';
}

std::string commands_of(const CLI::App& command, std::size_t width) {
    const auto all = command.get_subcommands({});
    if (all.empty()) return {};
    std::size_t max_length = 0;
    for (const auto* each : all) max_length = std::max(max_length, each->get_name().size());
    std::string out = "\nCommands:\n";
    for (const auto* each : all) {
        const auto about = wrapped(each->get_description(), width, max_length + 4);
        out += fmt::format("  {:<{}}  {}", each->get_name(), max_length, about.substr(max_length + 4));
    }
    return out;
}

std::string option_text(const option_row& row, std::size_t width) {
    auto out = entry(head_of(row), facts_of(row), row.help, width, 2);
    for (const auto& each : row.parameters) {
        const auto facts = each.default_text.empty() ? std::string() : "default: " + each.default_text;
        out += entry(each.form, facts, each.help, width, help_indent + 2);
    }
    return out;
}

/// The last command on the command line and its parents, whose options are valid too.
std::vector<const CLI::App*> chain_of(const CLI::App& program) {
    std::vector<const CLI::App*> out{&program};
    for (auto chosen = program.get_subcommands(); !chosen.empty(); chosen = chosen.back()->get_subcommands())
        out.push_back(chosen.back());
    return out;
}

std::vector<std::string> names_of_options(const std::vector<const CLI::App*>& chain) {
    std::vector<std::string> out;
    for (const auto* each : chain | std::views::reverse) {
        for (const auto* option : each->get_options())
            for (const auto& name : option->get_lnames()) out.push_back("--" + name);
        if (!each->get_fallthrough()) break;
    }
    return out;
}

// ---- The reference

struct reference_row {
    std::string option;
    std::vector<std::string> commands;
    std::string facts;
    std::string help;
};

using reference = std::vector<std::pair<std::string, std::vector<reference_row>>>;

void collect(reference& into, const option_row& row, const std::string& title, const std::string& command) {
    auto group = std::ranges::find(into, title, &reference::value_type::first);
    if (group == into.end()) group = into.insert(into.end(), {title, {}});
    const reference_row fresh{head_of(row), {command}, facts_of(row), row.help};
    const auto same = std::ranges::find_if(group->second, [&](const reference_row& r) {
        return r.option == fresh.option && r.facts == fresh.facts && r.help == fresh.help;
    });
    if (same == group->second.end())
        group->second.push_back(fresh);
    else
        same->commands.push_back(command);
}

// NOLINTNEXTLINE(misc-no-recursion): commands are two levels deep.
void collect(reference& into, std::vector<parameter_row>& parameters, const CLI::App& command) {
    for (const auto& group : table_of(command).groups) {
        for (const auto& row : group.rows) {
            const auto name = full_name(command);
            collect(into, row, group.title, name.substr(name.find(' ') + 1));
            if (!row.parameters.empty()) parameters = row.parameters;
        }
    }
    for (const auto* each : command.get_subcommands({})) collect(into, parameters, *each);
}

std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

}  // namespace

std::string full_name(const CLI::App& command) {
    const auto* const parent = command.get_parent();
    std::string before;
    for (const auto* each = parent; each != nullptr; each = each->get_parent()) before = each->get_name() + ' ' + before;
    return before + command.get_name();
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::string line(indent, ' ');
    for (const auto part : std::views::split(text, ' ')) {
        const std::string_view word(part);
        if (line.size() > indent && line.size() + 1 + word.size() > width) {
            out += line + '\n';
            line.assign(indent, ' ');
        }
        if (line.size() > indent) line += ' ';
        line += word;
    }
    return line.size() > indent ? out + line + '\n' : out;
}

std::size_t terminal_width() {
    constexpr std::size_t min_columns = 40;
    // Longer lines are hard to read.
    constexpr std::size_t max_columns = 120;
    const auto columns = terminal_columns(STDOUT_FILENO);
    return columns ? std::clamp(*columns, min_columns, max_columns) : usual_width;
}

std::string help_text(const CLI::App& command, const command_table& table, std::size_t width) {
    std::string out = wrapped(command.get_description(), width, 0) + '\n' + usage_of(command, table);
    out += commands_of(command, width);
    for (const auto& group : table.groups) {
        out += fmt::format("\n{}:\n", group.title);
        for (const auto& row : group.rows) out += option_text(row, width);
    }
    out += "\nHelp:\n" + entry("-h, --help", "", "Print this help", width, 2);
    if (command.get_parent() == nullptr) out += entry("-V, --version", "", "Print the version", width, 2);
    if (!table.notes.empty()) out += '\n';
    for (const auto part : std::views::split(table.notes, '\n')) {
        const std::string_view line(part);
        if (line.empty() || line.starts_with(' '))
            out += std::string(line) + '\n';
        else
            out += wrapped(line, width, 0);
    }
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

std::string settings_page(const CLI::App& program) {
    reference all;
    std::vector<parameter_row> parameters;
    collect(all, parameters, program);
    std::string out;
    for (const auto& [title, rows] : all) {
        out += fmt::format("### {}\n\n| option | commands | default, range | meaning |\n|---|---|---|---|\n", title);
        for (const auto& row : rows)
            out += fmt::format("| `{}` | {} | {} | {} |\n", cell(row.option), fmt::join(row.commands, ", "), cell(row.facts),
                               cell(row.help));
        out += '\n';
    }
    out += "### Backend parameters\n\n| parameter | default | meaning |\n|---|---|---|\n";
    for (const auto& row : parameters)
        out += fmt::format("| `{}` | {} | {} |\n", cell(row.form), cell(row.default_text), cell(row.help));
    return out;
}

std::string wrong_usage(const CLI::App& program, const CLI::Error& why) {
    const auto chain = chain_of(program);
    const auto& command = *chain.back();
    const auto name = full_name(command);
    const auto left = program.remaining(true);
    const auto see = fmt::format("see '{} --help'", name);
    const auto unknown = [&](std::string_view what, std::string_view word, const std::vector<std::string>& candidates) {
        return fmt::format("{}: unknown {} {}{}\n", name, what, escape(word, 100), did_you_mean(word, candidates, see));
    };
    const auto is_option = [](const std::string& word) { return word.size() > 1 && word.starts_with('-'); };
    if (const auto option = std::ranges::find_if(left, is_option); option != left.end())
        return unknown("option", option->substr(0, option->find('=')), names_of_options(chain));
    const bool no_command =
        dynamic_cast<const CLI::RequiredError*>(&why) != nullptr && command.get_require_subcommand_min() > 0;
    if (!left.empty() && (no_command || dynamic_cast<const CLI::ExtrasError*>(&why) != nullptr)) {
        std::vector<std::string> commands;
        for (const auto* each : command.get_subcommands({})) commands.push_back(each->get_name());
        return unknown(commands.empty() ? "argument" : "command", left.front(), commands);
    }
    if (no_command) return fmt::format("{}: no command given; {}\n", name, see);
    auto line = line_of({errc::usage, 0, why.what()});
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&why) != nullptr)
        line = line.substr(0, line.find(':')) +
               (line.ends_with("missing") ? ": the value is missing" : ": given more than once; remove one of them");
    if (line.find("; ") == std::string::npos) line += "; " + see;
    return fmt::format("{}: {}\n", name, line);
}

}  // namespace sallyport::cli
