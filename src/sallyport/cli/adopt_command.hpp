#pragma once
// sallyport gate adopt: finds rules of the administrator that assign the kernel's FTP helper to control connections before
// the gateway can, and removes them on request; and rules that give control connections another destination. Both keep
// sessions from the gateway.
//
// Functions for the main thread; the arguments must outlive the parsing of the command line.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sallyport::cli {

void add_adopt(CLI::App& gate, int& exit_code);

/// One warning for each such rule about these control ports, for the start report. Empty if the rules cannot be read.
[[nodiscard]] std::vector<std::string> warnings_about_rules(std::span<const std::uint16_t> ports);

}  // namespace sallyport::cli
