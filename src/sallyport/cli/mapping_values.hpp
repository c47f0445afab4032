#pragma once
// The values of --map and --stun: which protocols a router is asked by, and which servers see the external address. A value
// that the options of a command own, on their thread; pure functions, any thread.

#include <chrono>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/reach/mapping.hpp>
#include <sallyport/reach/router_mapping.hpp>
#include <sallyport/reach/stun_client.hpp>

namespace sallyport::cli {

/// "pcp,upnp" in that order, "true": all three. Errors name the option.
[[nodiscard]] result<std::vector<reach::mapping_protocol>> parse_mapping_protocols(const std::string& list);

[[nodiscard]] option_row map_interface_row(std::string& into);

struct mapping_options {
    /// Empty: off; "true": all protocols.
    std::string map{};
    std::string interface{};

    /// `help` is that of --map.
    [[nodiscard]] std::vector<option_row> rows(std::string help);
    /// `is_on`: whether the command takes `map` for more than off. Errors name the option.
    [[nodiscard]] result<reach::mapping_settings> settings(bool is_on, std::chrono::seconds lease) const;
};

/// "stun.example.org:3478" each; limits::max_stun_servers at most. Errors name the option.
[[nodiscard]] result<std::vector<reach::stun_server>> parse_stun_servers(const std::vector<std::string>& texts);

}  // namespace sallyport::cli
