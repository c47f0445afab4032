#include <sallyport/cli/adopt_command.hpp>

#include <fstream>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/doctor/program_output.hpp>
#include <sallyport/doctor/server_host.hpp>
#include <sallyport/firewall/conflicting_rules.hpp>

namespace sallyport::cli {
namespace {

using doctor::output_of;

constexpr auto command_name = "sallyport gate adopt";
constexpr std::size_t shown_length = 2000;
constexpr auto usual_ports = "21,990";

struct conflicting_rules {
    std::vector<firewall::conflicting_rule> helpers{};
    std::vector<firewall::conflicting_rule> translations{};
    // For forwarded packets.
    std::vector<firewall::conflicting_rule> conditions{};
};

/// Whether there are rules of the old kind, which to ask for would make.
bool has_legacy_table(const std::string& family, std::string_view table) {
    std::ifstream names(family == "iptables" ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names");
    for (std::string name; names >> name;)
        if (name == table) return true;
    return false;
}

/// Calls `on_output` with what each kind of iptables-save prints about a table, and with the command for its rules.
template <class Function>
result<void> for_each_iptables(const char* table, Function on_output) {
    for (const std::string family : {"iptables", "ip6tables"}) {
        // Rules of both kinds can exist. A system without the two variants has one kind.
        bool variants = false;
        for (const std::string_view variant : {"-nft", "-legacy", ""}) {
            if (variant.empty() && variants) break;
            const auto command = family + std::string(variant);
            if (variant == "-legacy" && !has_legacy_table(family, table)) continue;
            const auto saved = output_of({command + "-save", "-t", table});
            if (!saved) return std::unexpected(saved.error());
            if (!*saved) continue;
            variants = true;
            on_output(**saved, command);
        }
    }
    return {};
}

result<conflicting_rules> find_rules(std::span<const std::uint16_t> ports) {
    conflicting_rules out;
    const auto listed = output_of({"nft", "-a", "-t", "list", "ruleset"});
    if (!listed) return std::unexpected(listed.error());
    if (*listed) {
        out.helpers = firewall::ftp_helpers_of_nft(**listed);
        out.translations = firewall::translations_of_nft(**listed, ports);
        out.conditions = firewall::ftp_conditions_of_nft(**listed);
    }
    const auto add = [](std::vector<firewall::conflicting_rule>& to, std::vector<firewall::conflicting_rule> found) {
        for (auto& rule : found) to.push_back(std::move(rule));
    };
    auto read = for_each_iptables("raw", [&](const std::string& saved, const std::string& command) {
        add(out.helpers, firewall::ftp_helpers_of_iptables(saved, command));
    });
    if (read)
        read = for_each_iptables("nat", [&](const std::string& saved, const std::string& command) {
            add(out.translations, firewall::translations_of_iptables(saved, command, ports));
        });
    if (read)
        read = for_each_iptables("filter", [&](const std::string& saved, const std::string& command) {
            add(out.conditions, firewall::ftp_conditions_of_iptables(saved, command));
        });
    if (!read) return std::unexpected(std::move(read).error());
    if (auto setting = doctor::automatic_helpers()) out.helpers.push_back(std::move(*setting));
    return out;
}

std::string removal_of(const firewall::conflicting_rule& rule) {
    std::vector<std::string> words;
    for (const auto& word : rule.removal) words.push_back(shell_word(word));
    return escape(fmt::format("{}", fmt::join(words, " ")), shown_length);
}

void print(const firewall::conflicting_rule& rule, std::string_view about_removal) {
    fmt::print("\n{}:\n  {}\n{}\n  {}\n", escape(rule.place, shown_length), escape(rule.rule, shown_length), about_removal,
               removal_of(rule));
}

/// Prints the rules, and removes them if `apply` is set. False if some of them remain.
bool adopt_helpers(const std::vector<firewall::conflicting_rule>& rules, bool apply) {
    if (rules.empty()) {
        fmt::print("No rule assigns the kernel's FTP helper to control connections before the gateway.\n");
        return true;
    }
    fmt::print("The kernel's FTP helper and the gateway would both act on the sessions that these rules apply to:\n");
    bool all_removed = apply;
    for (const auto& rule : rules) {
        print(rule, apply ? "removed by:" : "remove it with:");
        if (!apply) continue;
        if (const auto removed = output_of(rule.removal); !removed || !*removed) {
            fmt::print(stderr, "{}: {}\n", command_name,
                       removed ? rule.removal[0] + " is not installed" : line_of(removed.error()));
            all_removed = false;
        }
    }
    fmt::print("\nRemove them from the configuration of your firewall too, which would load them again.\n");
    return all_removed;
}

int adopt(bool apply, const std::string& ports_text) {
    std::vector<std::uint16_t> ports;
    for (const auto part : std::views::split(ports_text, ',')) {
        const auto number = parse_decimal(std::string_view(part), 65535);
        if (!number || *number == 0) {
            fmt::print(stderr, "{}: --ports {}: not a list of ports; use for example --ports 21,2121\n", command_name,
                       escape(ports_text, shown_length));
            return 2;
        }
        ports.push_back(static_cast<std::uint16_t>(*number));
    }
    const auto rules = find_rules(ports);
    if (!rules) {
        fmt::print(stderr, "{}: {}\n", command_name, line_of(rules.error()));
        return 3;
    }
    const bool no_helpers = adopt_helpers(rules->helpers, apply);
    if (!rules->translations.empty())
        fmt::print(
            "\nThese rules give control connections to port {} another destination, so that the gateway does not get them. "
            "To serve that server by the gateway, remove the rule, and start the gateway with --listen and --backend. "
            "--apply does not remove them:\n",
            ports_text);
    for (const auto& rule : rules->translations) print(rule, "remove it with:");
    if (!rules->conditions.empty())
        fmt::print(
            "\nThese rules admit related connections only if their helper is \"ftp\", which that of the gateway's sessions "
            "is not. Remove this condition from them; --apply does not:\n");
    for (const auto& rule : rules->conditions)
        fmt::print("\n{}:\n  {}\n", escape(rule.place, shown_length), escape(rule.rule, shown_length));
    return no_helpers && rules->translations.empty() && rules->conditions.empty() ? 0 : 1;
}

}  // namespace

std::vector<std::string> warnings_about_rules(std::span<const std::uint16_t> ports) {
    std::vector<std::string> out;
    const auto found = find_rules(ports);
    if (!found) return out;
    for (const auto& rule : found->helpers)
        out.push_back(
            fmt::format("{}: '{}' assigns the kernel's FTP helper before the gateway, so that both act on a session; "
                        "'sallyport gate adopt' prints how to remove it",
                        escape(rule.place, shown_length), escape(rule.rule, shown_length)));
    for (const auto& rule : found->translations)
        out.push_back(
            fmt::format("{}: '{}' gives control connections another destination before the gateway gets them; "
                        "'sallyport gate adopt' prints how to remove it",
                        escape(rule.place, shown_length), escape(rule.rule, shown_length)));
    for (const auto& rule : found->conditions)
        out.push_back(
            fmt::format("{}: '{}' admits related connections only if their helper is \"ftp\", which that of the gateway's "
                        "sessions is not; remove this condition",
                        escape(rule.place, shown_length), escape(rule.rule, shown_length)));
    return out;
}

void add_adopt(CLI::App& gate, int& exit_code) {
    auto* const command = gate.add_subcommand(
        "adopt", "Find rules that assign the kernel's FTP helper to sessions, or give them to another host");
    auto apply = std::make_shared<bool>(false);
    auto ports = std::make_shared<std::string>(usual_ports);
    command_table table;
    table.add("Change", {{"--apply", "", flag(*apply), "Remove the rules that assign the helper"},
                         {"--ports", "N,N", text(*ports), "Control ports of the gateway", usual_ports}});
    table.notes =
        "Without --apply nothing is changed. It runs nft and iptables-save, as root.\n\n"
        "Exit codes: 0 nothing to remove, or all removed, 1 rules were found, or one could not be removed, 2 invalid "
        "options, 3 the rules cannot be read.";
    set_table(*command, std::move(table));
    command->callback([apply, ports, &exit_code] { exit_code = adopt(*apply, *ports); });
}

}  // namespace sallyport::cli
