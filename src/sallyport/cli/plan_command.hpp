#pragma once
// sallyport gate plan: prints the rules and routes of an intercepting gateway, and those that the administrator's own
// firewall needs. Functions for the main thread; the arguments must outlive the parsing of the command line.

#include <functional>
#include <span>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/firewall/rule_formats.hpp>

namespace sallyport::cli {

/// `text` makes the output from the options of the gateway.
void add_plan(CLI::App& gate, std::function<result<std::string>(firewall::firewall_format)> text, int& exit_code);

/// For --for.
[[nodiscard]] choices<firewall::firewall_format> format_choices(std::span<const firewall::rule_format> formats);

}  // namespace sallyport::cli
