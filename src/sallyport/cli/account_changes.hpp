#pragma once
// Changes of the settings of an account in a database, as KEY=VALUE on a command line, and the settings as text for people
// and for scripts. Pure functions on values; any thread.
//
// A text needs no quotation marks, a list is written with commas, other values are written as in the configuration file:
// home=in rights=list,read expires=2030-12-31 'paths={"/in"=["write"]}'. KEY= removes the key.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// The settings after the changes. The error names the change, the cause and the next step.
[[nodiscard]] result<std::string> change_settings(std::string_view settings, const std::vector<std::string>& changes);

/// "home = 'in', rights = ['list']"; settings that cannot be read are shown as they are.
[[nodiscard]] std::string settings_line(std::string_view settings);
/// As a JSON object.
[[nodiscard]] std::string settings_json(std::string_view settings);

}  // namespace sallyport::cli
