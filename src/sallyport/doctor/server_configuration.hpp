#pragma once
// Readers of the configurations of other FTP servers, as far as the rules about a server on this host need them
// (diagnosis/server_rules.hpp).
//
// Pure functions; any thread. Any text is read without failure: what is not understood is left out.

#include <string_view>

#include <sallyport/diagnosis/server_facts.hpp>

namespace sallyport::doctor {

/// Whether a text can be the configuration of this server ("vsftpd", "proftpd", or "pure-ftpd" for its options): it has one
/// of the server's settings, or no setting at all.
[[nodiscard]] bool is_configuration_of(std::string_view program, std::string_view text);

/// vsftpd.conf(5).
[[nodiscard]] diagnosis::server_facts read_vsftpd(std::string_view text);
/// proftpd.conf; of several servers the one outside <VirtualHost>.
[[nodiscard]] diagnosis::server_facts read_proftpd(std::string_view text);
/// Options of pure-ftpd(8): "-p 30000:30009 -P 203.0.113.7".
[[nodiscard]] diagnosis::server_facts read_pure_ftpd(std::string_view options);

}  // namespace sallyport::doctor
