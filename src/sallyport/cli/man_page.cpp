#include <sallyport/cli/man_page.hpp>

#include <algorithm>
#include <ranges>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/option_text.hpp>
#include <sallyport/cli/settings_reference.hpp>

namespace sallyport::cli {
namespace {

/// Text that roff prints as it is: no line of it is a request, and its hyphens can be copied as options.
std::string literal(std::string_view text) {
    std::string out;
    if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

std::string heading(std::string_view name, int section, std::string_view version, std::string_view manual) {
    return fmt::format(".TH {} {} \"\" \"Sallyport {}\" \"{}\"\n", upper(literal(name)), section, version, manual);
}

std::string named(std::string_view name, std::string_view about) {
    return fmt::format(".SH NAME\n{} \\- {}\n", literal(name), literal(about));
}

std::string tagged_paragraph(std::string_view bold, std::string_view italic, std::string_view text) {
    auto out = fmt::format(".TP\n\\fB{}\\fR", literal(bold));
    if (!italic.empty()) out += fmt::format(" \\fI{}\\fR", literal(italic));
    return out + '\n' + literal(text) + '\n';
}

std::string sentence(const std::string& help, const std::string& facts) {
    return facts.empty() ? help : fmt::format("{} [{}]", help, facts);
}

std::string options_of(const command_table& table) {
    std::string out;
    for (const auto& group : table.groups) {
        out += fmt::format(".SS {}\n", literal(group.title));
        for (const auto& row : group.rows) {
            const auto head = head_of(row);
            const auto form = row.form.empty() ? head.size() : head.find(' ' + row.form);
            const auto italic = form < head.size() ? head.substr(form + 1) : std::string();
            out += tagged_paragraph(head.substr(0, form), italic, sentence(row.help, facts_of(row)));
            if (row.parameters.empty()) continue;
            out += ".RS\n";
            for (const auto& each : row.parameters) {
                const auto facts = each.default_text.empty() ? std::string() : "default: " + each.default_text;
                out += tagged_paragraph(each.form, "", sentence(each.help, facts));
            }
            out += ".RE\n";
        }
    }
    return out;
}

/// Lines that begin with a blank keep their form; a line "Examples:" before them becomes their heading.
std::string notes_of(std::string_view notes) {
    std::string out;
    bool kept = false;
    const auto keep = [&](bool now) {
        if (kept != now) out += now ? ".nf\n" : ".fi\n";
        kept = now;
    };
    bool first = true;
    for (const auto part : std::views::split(notes, '\n')) {
        const std::string_view line(part);
        if (line.starts_with(' ')) {
            keep(true);
            out += literal(line) + '\n';
            continue;
        }
        keep(false);
        if (line.empty()) continue;
        if (line == "Example:" || line == "Examples:" || line == "Exit codes:")
            out += fmt::format(".SH {}\n", upper(std::string(line.substr(0, line.size() - 1))));
        else
            out += (first ? ".SH NOTES\n" : ".PP\n") + literal(line) + '\n';
        first = false;
    }
    keep(false);
    return out;
}

std::string see_also(const CLI::App& command) {
    std::vector<std::string> pages;
    const auto add = [&pages](const CLI::App& other) {
        pages.push_back(fmt::format("\\fB{}\\fR(1)", literal(man_page_name(other))));
    };
    if (const auto* parent = command.get_parent()) {
        add(*parent);
        if (parent->get_parent() != nullptr)
            for (const auto* each : parent->get_subcommands({}))
                if (each != &command) add(*each);
    }
    for (const auto* each : command.get_subcommands({})) add(*each);
    pages.emplace_back("\\fBsallyport.toml\\fR(5)");
    return fmt::format(".SH SEE ALSO\n{}\n", fmt::join(pages, ",\n"));
}

}  // namespace

std::string man_page_name(const CLI::App& command) {
    auto out = full_name(command);
    std::ranges::replace(out, ' ', '-');
    return out;
}

std::string man_page(const CLI::App& command, std::string_view version) {
    const auto& table = table_of(command);
    const auto name = man_page_name(command);
    auto out = heading(name, 1, version, "User Commands") + named(name, command.get_description());
    out += fmt::format(".SH SYNOPSIS\n\\fB{}\\fR\n", literal(usage_of(command)));
    if (const auto below = command.get_subcommands({}); !below.empty()) {
        out += ".SH COMMANDS\n";
        for (const auto* each : below) out += tagged_paragraph(each->get_name(), "", each->get_description());
    }
    out += ".SH OPTIONS\n" + options_of(table) + ".SS Help\n" +
           tagged_paragraph("-h, --help", "", std::string(help_option_text));
    if (command.get_parent() == nullptr) out += tagged_paragraph("-V, --version", "", "Print the version");
    return out + notes_of(table.notes) + see_also(command);
}

std::string configuration_man_page(const CLI::App& program, std::string_view version) {
    auto commands = with_subcommands(program);
    std::erase_if(commands, [](const CLI::App* each) { return !has_sample_file(*each); });
    auto out = heading("sallyport.toml", 5, version, "File Formats") +
               named("sallyport.toml", "configuration file of the Sallyport server and gateway");
    out += ".SH DESCRIPTION\n" +
           literal(
               "The file that --config names is TOML. Its keys are the long options of the command without the dashes; "
               "an option that may be repeated takes a list, a switch takes true or false. A part of a key before a "
               "hyphen may be a table: ports below [passive] is passive-ports. The command line takes precedence over "
               "the file. An unknown key is an error.") +
           "\n.SH KEYS\n";
    for (const auto& [title, rows] : make_reference(commands)) {
        std::string keys;
        for (const auto& row : rows)
            if (!row.key.empty())
                keys += tagged_paragraph(
                    row.key, "", fmt::format("{} ({})", sentence(row.help, row.facts), fmt::join(row.commands, ", ")));
        if (!keys.empty()) out += fmt::format(".SS {}\n", literal(title)) + keys;
    }
    out += ".SH SEE ALSO\n";
    std::vector<std::string> pages;
    for (const auto* each : commands) pages.push_back(fmt::format("\\fB{}\\fR(1)", literal(man_page_name(*each))));
    return out + fmt::format("{}\n", fmt::join(pages, ",\n"));
}

}  // namespace sallyport::cli
