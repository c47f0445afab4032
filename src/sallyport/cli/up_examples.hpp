#pragma once
// Output of 'sallyport up': its listeners, example commands to paste, and one line for each finished session. A value and
// pure functions; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::cli {

struct up_examples {
    std::string directory;
    /// Listeners with explicit TLS.
    std::vector<endpoint> plain;
    /// Listeners with implicit TLS.
    std::vector<endpoint> implicit;
    /// Addresses of this machine.
    std::vector<ip_address> local_addresses;
    /// The address that other hosts of the network use.
    ip_address default_address;
    std::string writer;
    /// Empty if the user set it; then the example programs prompt for it.
    std::string password;
    /// Certificate file for clients; empty if there is none.
    std::string certificate;
    /// How to call this program, as shell text.
    std::string program;
    /// Whether these programs are installed; examples are shown only for installed programs.
    bool curl = true;
    bool lftp = true;
    std::string fingerprint;
    /// Further ports to open in the firewall: " and 30000-30099".
    std::string extra_ports;
    /// The router is asked to forward the ports.
    bool mapped = false;
    /// Anonymous users may download.
    bool anonymous = true;
};

[[nodiscard]] std::string text_of(const up_examples& guide);

}  // namespace sallyport::cli
