#include <sallyport/cli/completion.hpp>

#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/option_text.hpp>

namespace sallyport::cli {
namespace {

// What can follow an option.
enum class operand { none, list, file, other };

struct completed_option {
    std::vector<std::string> names;
    operand value;
    std::vector<std::string> known;
    std::string help;
};

struct completed_command {
    const CLI::App* command;
    /// "sallyport gate status".
    std::string name;
    /// With those of its parents that are valid after it too.
    std::vector<completed_option> options;
};

operand operand_of(const option_row& row) {
    if (row.form.empty() || row.form.starts_with("[=")) return operand::none;
    if (!row.value.known.empty()) return operand::list;
    return row.form.find("FILE") != std::string::npos || row.form.find("DIR") != std::string::npos ? operand::file
                                                                                                   : operand::other;
}

std::vector<completed_command> commands_of(const CLI::App& program) {
    std::vector<completed_command> out;
    for (const auto* command : with_subcommands(program)) {
        completed_command one{command, full_name(*command), {}};
        for (const auto* from = command; from != nullptr; from = from->get_fallthrough() ? from->get_parent() : nullptr)
            for (const auto& group : table_of(*from).groups)
                for (const auto& row : group.rows)
                    if (!is_argument(row))
                        one.options.push_back({names_of(row), operand_of(row), row.value.known, row.help});
        one.options.push_back({{"-h", "--help"}, operand::none, {}, std::string(help_option_text)});
        out.push_back(std::move(one));
    }
    return out;
}

/// In single quotes of fish, which knows \\ and \' there.
std::string fish_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + '\'';
}

/// For zsh's _describe, where a colon ends the word.
std::string described(std::string_view word, std::string_view help) {
    std::string escaped;
    for (const char c : word) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
    return single_quoted(fmt::format("{}:{}", escaped, help));
}

/// 'sallyport up' | 'sallyport serve': the words that lead to another command.
std::string pattern_of_commands(const std::vector<completed_command>& commands) {
    std::vector<std::string> out;
    for (const auto& each : commands)
        if (each.command->get_parent() != nullptr) out.push_back(single_quoted(each.name));
    return fmt::format("{}", fmt::join(out, " | "));
}

std::string pattern_of_option(const completed_command& command, const completed_option& option) {
    std::vector<std::string> out;
    for (const auto& name : option.names) out.push_back(single_quoted(command.name + ' ' + name));
    return fmt::format("{}", fmt::join(out, " | "));
}

}  // namespace

std::string bash_completion(const CLI::App& program) {
    const auto commands = commands_of(program);
    std::string values;
    std::string words;
    for (const auto& command : commands) {
        std::vector<std::string> candidates;
        for (const auto* each : command.command->get_subcommands({})) candidates.push_back(each->get_name());
        for (const auto& option : command.options) {
            candidates.insert(candidates.end(), option.names.begin(), option.names.end());
            if (option.value == operand::none) continue;
            values += fmt::format("    {}) words={}; value=1 ;;\n", pattern_of_option(command, option),
                                  single_quoted(fmt::format("{}", fmt::join(option.known, " "))));
        }
        words += fmt::format("    {}) words={} ;;\n", single_quoted(command.name),
                             single_quoted(fmt::format("{}", fmt::join(candidates, " "))));
    }
    return fmt::format(R"(# Completion of sallyport for bash, written by "sallyport help --format bash".
_sallyport() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command=sallyport word words= value=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        case "$command $word" in {}) command+=" $word" ;; esac
    done
    # The equals sign of --option=value is a word of its own.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case "$command $previous" in
{}    esac
    if [[ ! $value ]]; then
        case $command in
{}        esac
    fi
    # Without a candidate, "-o default" completes file names.
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _sallyport sallyport
)",
                       pattern_of_commands(commands), values, words);
}

std::string zsh_completion(const CLI::App& program) {
    const auto commands = commands_of(program);
    std::string values;
    std::string words;
    for (const auto& command : commands) {
        std::string candidates;
        for (const auto* each : command.command->get_subcommands({}))
            candidates += "\n        " + described(each->get_name(), each->get_description());
        for (const auto& option : command.options) {
            for (const auto& name : option.names) candidates += "\n        " + described(name, option.help);
            if (option.value == operand::none) continue;
            const auto action = option.value == operand::list   ? fmt::format("compadd -- {}", fmt::join(option.known, " "))
                                : option.value == operand::file ? "_files"
                                                                : "_message " + single_quoted(option.help);
            values += fmt::format("    {}) {}; return ;;\n", pattern_of_option(command, option), action);
        }
        words += fmt::format("    {}) candidates=({}) ;;\n", single_quoted(command.name), candidates);
    }
    return fmt::format(R"(#compdef sallyport
# Completion of sallyport for zsh, written by "sallyport help --format zsh".
_sallyport() {{
    local command=sallyport word
    local -a candidates
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "$command $word" in {}) command+=" $word" ;; esac
    done
    case "$command ${{words[CURRENT-1]}}" in
{}    esac
    case $command in
{}    esac
    _describe sallyport candidates || _files
}}
_sallyport "$@"
)",
                       pattern_of_commands(commands), values, words);
}

std::string fish_completion(const CLI::App& program) {
    const auto commands = commands_of(program);
    std::vector<std::string> names;
    std::string lines;
    for (const auto& command : commands) {
        if (command.command->get_parent() != nullptr) names.push_back(single_quoted(command.name));
        const auto here = fmt::format("complete -c sallyport -n {}",
                                      fish_quoted(fmt::format("test (__sallyport_command) = '{}'", command.name)));
        // Where a command must follow, no file name can.
        if (command.command->get_require_subcommand_min() > 0) lines += here + " -f\n";
        for (const auto* each : command.command->get_subcommands({}))
            lines += fmt::format("{} -a {} -d {}\n", here, each->get_name(), fish_quoted(each->get_description()));
        for (const auto& option : command.options) {
            lines += here;
            for (const auto& name : option.names)
                lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            lines += " -d " + fish_quoted(option.help);
            if (option.value == operand::list)
                lines += fmt::format(" -x -a {}", fish_quoted(fmt::format("{}", fmt::join(option.known, " "))));
            if (option.value == operand::file) lines += " -r -F";
            if (option.value == operand::other) lines += " -x";
            lines += '\n';
        }
    }
    return fmt::format(R"(# Completion of sallyport for fish, written by "sallyport help --format fish".
function __sallyport_command
    set -l command sallyport
    for word in (commandline -opc)[2..]
        if contains -- "$command $word" {}
            set command "$command $word"
        end
    end
    echo $command
end
{})",
                       fmt::join(names, " "), lines);
}

}  // namespace sallyport::cli
