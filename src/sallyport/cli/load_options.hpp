#pragma once
// Loads the settings of a daemon from its command line and its configuration file (G6). Functions on values; any thread.

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/account_sections.hpp>
#include <sallyport/cli/config_file.hpp>

namespace sallyport::cli {

template <class Options>
using settings_of = typename std::invoke_result_t<decltype(&Options::settings), const Options&>::value_type;

template <class Options>
struct loaded_options {
    option_values given;
    Options options;
    config_locations locations;
    settings_of<Options> settings;
};

/// The sections of accounts, for a command that has them.
template <class Options>
[[nodiscard]] account_sections* accounts_of(Options& options) {
    if constexpr (requires { options.accounts; }) return &options.accounts;
    return nullptr;
}

/// The values of a command's options and of what else is in its configuration, to compare two of them.
template <class Options>
[[nodiscard]] option_values all_values(const CLI::App& command, const Options& options) {
    auto out = values_of(command);
    if constexpr (requires { options.accounts; }) {
        if (!options.accounts.source().empty()) out["accounts"] = {options.accounts.source()};
        if (auto homes = options.accounts.homes(options.directory); !homes.empty()) out["homes"] = std::move(homes);
    }
    return out;
}

/// `Options` is the type of the command's options, with add_to(), daemon.config and settings(). An error names the line of
/// the file that it comes from. `possible` checks the values before settings are made from them.
template <class Options>
[[nodiscard]] result<loaded_options<Options>> load_options(
    const std::string& name, const option_values& given,
    const std::function<result<void>(const option_values&)>& possible = {}) {
    CLI::App command("", name);
    Options options;
    options.add_to(command);
    apply_values(command, given);
    config_locations locations;
    if (!options.daemon.config.empty()) {
        auto applied = apply_config_file(command, options.daemon.config, unknown_keys::refuse, accounts_of(options));
        if (!applied) return std::unexpected(applied.error());
        locations = std::move(*applied);
    }
    if (auto good = check_values(command); !good) return std::unexpected(good.error());
    auto values = all_values(command, options);
    if (possible) {
        if (auto good = possible(values); !good) return std::unexpected(locations.locate(good.error()));
    }
    auto settings = options.settings();
    if (!settings) return std::unexpected(locations.locate(settings.error()));
    return loaded_options<Options>{std::move(values), std::move(options), std::move(locations), std::move(*settings)};
}

}  // namespace sallyport::cli
