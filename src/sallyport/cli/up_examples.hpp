#pragma once
// What 'sallyport up' says: where it listens, lines to paste, and a line for each session that ended. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/gate/gate.hpp>

namespace sallyport::cli {

struct up_examples {
    std::string directory;
    std::vector<endpoint> plain;              // listeners, with explicit TLS
    std::vector<endpoint> implicit;           // listeners for TLS from the first byte
    std::vector<ip_address> local_addresses;  // addresses of this machine
    ip_address default_address;               // the one that others on the network use
    std::string writer;
    std::string password;     // empty: one that the user knows, and the programs ask for
    std::string certificate;  // a file for clients to trust; empty: there is none
    std::string program;      // how to call this one, as shell text
    bool curl = true;         // whether these programs are on this machine; what can't be run here is not shown
    bool lftp = true;
    std::string fingerprint;
    std::string extra_ports;  // of the firewall, beside the listeners': " and 30000-30099"
};

[[nodiscard]] std::string text_of(const up_examples& guide);

/// One word for a shell, quoted where it must be.
[[nodiscard]] std::string shell_word(std::string_view text);

/// "192.0.2.7: anonymous, 2 files sent (1.5 MiB), 3 listings, 12 s".
[[nodiscard]] std::string line_of(const gate::session_summary& session);

}  // namespace sallyport::cli
