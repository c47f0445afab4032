#include <sallyport/cli/plan_command.hpp>

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/ops/daemon.hpp>

namespace sallyport::cli {
namespace {

using firewall::firewall_format;

/// Those of a router on which the gateway can run.
std::span<const firewall::rule_format> router_formats() {
    return firewall::rule_formats().first(static_cast<std::size_t>(firewall_format::firewalld) + 1);
}

}  // namespace

choices<firewall_format> format_choices(std::span<const firewall::rule_format> formats) {
    choices<firewall_format> out;
    for (const auto& row : formats) out.emplace_back(row.name, row.format);
    return out;
}

void add_plan(CLI::App& gate, std::function<result<std::string>(firewall_format)> text, int& exit_code) {
    auto* const command =
        gate.add_subcommand("plan", "Print the rules and routes that --intercept makes, and change nothing");
    command->fallthrough();
    auto format = std::make_shared<firewall_format>(firewall_format::nftables);
    auto known = choice(*format, "firewall", format_choices(router_formats()));
    const auto help = "Your own firewall: " + list_of(known.known);
    command_table table;
    table.add("Output", {{"--for", "FIREWALL", std::move(known), help}});
    table.notes =
        "It also takes the options of 'sallyport gate', such as --intercept and --config.\n\n"
        "Exit codes: 0 success, 2 invalid options or configuration.";
    set_table(*command, std::move(table));
    command->callback([text = std::move(text), format, &exit_code] {
        const auto made = text(*format);
        if (made)
            fmt::print("{}", *made);
        else
            exit_code = ops::report_start_failure("sallyport gate plan", made.error());
    });
}

}  // namespace sallyport::cli
