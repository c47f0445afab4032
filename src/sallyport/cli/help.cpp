#include <sallyport/cli/help.hpp>

#include <algorithm>
#include <ranges>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/option_text.hpp>
#include <sallyport/cli/terminal.hpp>

namespace sallyport::cli {
namespace {

constexpr std::size_t usual_width = 80;
constexpr std::size_t help_indent = 4;

/// The head and the default on one line if they fit, and the help below.
std::string help_entry(const std::string& head, const std::string& facts, const std::string& help, std::size_t width,
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
    auto out = help_entry(head_of(row), facts_of(row), row.help, width, 2);
    for (const auto& each : row.parameters) {
        const auto facts = each.default_text.empty() ? std::string() : "default: " + each.default_text;
        out += help_entry(each.form, facts, each.help, width, help_indent + 2);
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

}  // namespace

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

std::string groups_text(const command_table& table, std::size_t width) {
    std::string out;
    for (const auto& group : table.groups) {
        out += fmt::format("\n{}:\n", group.title);
        for (const auto& row : group.rows) out += option_text(row, width);
    }
    return out;
}

std::string help_text(const CLI::App& command, const command_table& table, std::size_t width) {
    std::string out = wrapped(command.get_description(), width, 0) + '\n' + "Usage: " + usage_of(command) + '\n';
    out += commands_of(command, width);
    out += groups_text(table, width);
    out += "\nHelp:\n" + help_entry("-h, --help", "", std::string(help_option_text), width, 2);
    if (command.get_parent() == nullptr) out += help_entry("-V, --version", "", "Print the version", width, 2);
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
