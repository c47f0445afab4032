#pragma once
// Values of options from several sources, of which one takes precedence over the other: the command line over the settings
// of a site, and these over the file of default options. Pure functions on values; any thread.

#include <sallyport/cli/config_file.hpp>

namespace sallyport::cli {

/// `lower` without the options that `higher` has, and without those that exclude one of them: --active on the command line
/// overrides a setting --passive.
[[nodiscard]] option_values without_overridden(option_values lower, const option_values& higher);

/// The values of options that the command has.
[[nodiscard]] option_values known_to(const CLI::App& command, const option_values& values);

}  // namespace sallyport::cli
