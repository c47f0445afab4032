#pragma once
// The options of an intercepting gateway, and the settings of the kernel that follow from them. A value that its command
// owns; main thread, and the control thread at a reload.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/start_report.hpp>
#include <sallyport/firewall/interception.hpp>
#include <sallyport/firewall/interception_text.hpp>
#include <sallyport/gate/interception.hpp>
#include <sallyport/gate/interception_rule.hpp>
#include <sallyport/helper/client.hpp>

namespace sallyport::cli {

/// The first port of listeners in rules that are printed without a gateway: the system chooses the ports at the start.
inline constexpr std::uint16_t example_port = 40021;

struct interception_options {
    std::string mark;
    std::optional<std::size_t> route_table;
    bool server_sees_router = false;
    firewall::when_down down = firewall::when_down::pass;

    /// `intercept` gets the values of --intercept.
    void add_to(command_table& table, std::vector<std::string>& intercept);
    /// What the kernel is set to for these rules, without the ports of the listeners. Mark and routing table are 0 if the
    /// options leave them to the gateway. An error names the option.
    [[nodiscard]] result<firewall::interception_settings> of_kernel(const std::vector<gate::interception_rule>& rules) const;
};

/// Mark and routing table that the options leave to the gateway: free ones, as for a gateway that starts now, or those of
/// the gateway that runs on this machine, if one does.
enum class rule_numbers : std::uint8_t { free, of_running_gateway };
/// Whether the mark and the routing table are those of a gateway that runs on this machine.
[[nodiscard]] bool is_of_running_gateway(const firewall::interception_settings& of_kernel);
inline constexpr std::string_view running_gateway_text =
    "A gateway runs on this machine with this mark and this routing table";

/// What a gateway with these settings of the kernel makes, and what the administrator's own firewall needs, for nft(8),
/// ip(8) and the firewall's own commands; '#' begins an explanation.
[[nodiscard]] std::string plan_text(const firewall::interception_settings& of_kernel, firewall::firewall_format format);

/// For the start report. `exists`: whether the machine has an interface with this name.
[[nodiscard]] start_report interception_report(const firewall::interception_settings& of_kernel,
                                               const gate::interception_settings& of_gate,
                                               const std::function<bool(const std::string& name)>& exists);

/// The same for the interfaces of this machine, with tables that block connections and with these warnings of conflicts.
/// Without rules of --intercept, only the warnings.
[[nodiscard]] start_report about_interception(const std::optional<firewall::interception_settings>& of_kernel,
                                              const gate::interception_settings& of_gate,
                                              std::vector<std::string> conflicts);

/// The rules of --intercept IF for the help of the gateway, in lines that begin with blanks. Numbers are examples.
[[nodiscard]] std::string rules_help();

/// The gateway gets its listeners and all rights from the helper, which outlives it.
void use_helper_for(gate::interception_settings& to, helper::client& helper);

/// The rules of --intercept. An error names the option.
[[nodiscard]] result<std::vector<gate::interception_rule>> interception_rules(const std::vector<std::string>& intercept);

}  // namespace sallyport::cli
