#pragma once
// Manual pages (man(7)) from the tables of options: one for each command, and sallyport.toml(5) for the configuration file.
// Pure functions; any thread. The commands must outlive the call.

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// Page of section 1. `version` is "0.1.0".
[[nodiscard]] std::string man_page(const CLI::App& command, std::string_view version);

/// The keys of the configuration file, with which of serve and gate has each.
[[nodiscard]] std::string configuration_man_page(const CLI::App& program, std::string_view version);

/// "sallyport-gate-status" for "sallyport gate status".
[[nodiscard]] std::string man_page_name(const CLI::App& command);

}  // namespace sallyport::cli
