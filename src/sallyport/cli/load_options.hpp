#pragma once
// Loads the settings of a daemon from its command line and its configuration file (G6). Functions on values; any thread.

#include <string>
#include <type_traits>
#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/base/error.hpp>
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

/// `Options` is the type of the command's options, with add_to(), daemon.config and settings(). An error names the line of
/// the file that it comes from.
template <class Options>
[[nodiscard]] result<loaded_options<Options>> load_options(const std::string& name, const option_values& given) {
    CLI::App command("", name);
    Options options;
    options.add_to(command);
    apply_values(command, given);
    config_locations locations;
    if (!options.daemon.config.empty()) {
        auto applied = apply_config_file(command, options.daemon.config);
        if (!applied) return std::unexpected(applied.error());
        locations = std::move(*applied);
    }
    if (auto good = check_values(command); !good) return std::unexpected(good.error());
    auto settings = options.settings();
    if (!settings) return std::unexpected(locations.locate(settings.error()));
    auto values = values_of(command);
    return loaded_options<Options>{std::move(values), std::move(options), std::move(locations), std::move(*settings)};
}

}  // namespace sallyport::cli
