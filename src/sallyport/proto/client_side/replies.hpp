#pragma once
// Reply texts that server and gateway share, without the code. Clients cannot distinguish the two by these replies.
//
// Replies that contain a number or a name are made where their rule is checked. Constants and a pure function; any thread.

#include <string>
#include <string_view>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto::replies {

[[nodiscard]] inline local_reply reply_of(int code, std::string_view text) { return {code, std::string(text)}; }

// Lines that are not commands
inline constexpr std::string_view control_bytes = "Control characters are not allowed in a command.";
inline constexpr std::string_view line_too_long = "Command line too long.";
inline constexpr std::string_view too_many_long_lines = "Too many overlong command lines.";
inline constexpr std::string_view too_much_telnet = "Too many Telnet negotiations.";
// This text is short and repeats nothing of the client's bytes (TLS-07).
inline constexpr std::string_view not_ftp = "This is an FTP service.";
inline constexpr std::string_view unknown_command = "Unknown command.";

// The login
inline constexpr std::string_view log_in_first = "Log in with USER and PASS first.";
inline constexpr std::string_view tls_first = "TLS is required; send AUTH TLS before USER.";
inline constexpr std::string_view user_first = "Send USER first.";
inline constexpr std::string_view host_too_late = "HOST must come before USER.";
inline constexpr std::string_view no_such_host = "That host is not served here.";
inline constexpr std::string_view host_accepted = "Host accepted.";
inline constexpr std::string_view goodbye = "Goodbye.";

// TLS
inline constexpr std::string_view no_tls = "TLS is not available here.";
inline constexpr std::string_view tls_active = "TLS is already active.";
inline constexpr std::string_view no_tls_after_ccc =
    "After CCC the control connection stays unencrypted; connect again to use TLS.";
inline constexpr std::string_view auth_tls_only = "Only AUTH TLS is supported.";
inline constexpr std::string_view bytes_after_auth = "Commands must not follow AUTH TLS before the handshake.";
inline constexpr std::string_view start_handshake = "Start the TLS handshake.";
inline constexpr std::string_view pbsz_needs_tls = "PBSZ requires TLS; send AUTH TLS first.";
inline constexpr std::string_view pbsz_number = "PBSZ takes a number up to 4294967295; send PBSZ 0.";
inline constexpr std::string_view pbsz = "PBSZ=0";
inline constexpr std::string_view prot_needs_tls = "PROT requires TLS; send AUTH TLS first.";
inline constexpr std::string_view pbsz_first = "Send PBSZ 0 before PROT.";
inline constexpr std::string_view prot_is_fixed = "The data protection level cannot be changed after CCC.";
inline constexpr std::string_view no_such_level = "Only PROT C and PROT P are possible with TLS.";
inline constexpr std::string_view prot_syntax = "PROT takes C or P.";
inline constexpr std::string_view data_encrypted = "Data connections will be encrypted.";
inline constexpr std::string_view data_not_encrypted = "Data connections will not be encrypted.";
inline constexpr std::string_view encrypt_data = "Data connections must be encrypted; send PROT P.";
inline constexpr std::string_view encrypt_data_with_pbsz = "Data connections must be encrypted; send PBSZ 0 and PROT P.";
inline constexpr std::string_view not_encrypted = "The control connection is not encrypted.";
inline constexpr std::string_view stays_encrypted = "The control connection stays encrypted.";
inline constexpr std::string_view prot_before_ccc = "Data connections must be encrypted first; send PROT P.";
inline constexpr std::string_view bytes_after_ccc = "Commands must not follow CCC before its reply.";
inline constexpr std::string_view cleared = "The control connection is now unencrypted; data connections stay encrypted.";
inline constexpr std::string_view no_rein_after_ccc = "REIN is not possible after CCC; connect again instead.";

// Data connections
inline constexpr std::string_view no_passive = "Passive mode is off on this server; use EPRT or PORT.";
inline constexpr std::string_view no_active = "Active mode is off on this server; use EPSV or PASV.";
inline constexpr std::string_view only_epsv = "After EPSV ALL only EPSV is allowed.";
inline constexpr std::string_view epsv_all = "Only EPSV will be accepted from now on.";
inline constexpr std::string_view use_ipv4 = "Network protocol not supported, use (1).";
inline constexpr std::string_view use_ipv6 = "Network protocol not supported, use (2).";
inline constexpr std::string_view use_either = "Network protocol not supported, use (1,2).";
inline constexpr std::string_view target_not_allowed = "The address must be your own and the port 1024 or higher.";
inline constexpr std::string_view no_port_left = "All passive ports are in use; try again later.";
inline constexpr std::string_view pasv_has_no_ipv6 = "PASV cannot name an IPv6 address; use EPSV.";
inline constexpr std::string_view no_data_connection = "Send EPSV, PASV, EPRT or PORT first.";

// Transfers
inline constexpr std::string_view aborted = "Transfer aborted.";
inline constexpr std::string_view aborted_before = "Aborted before it began.";
inline constexpr std::string_view nothing_to_abort = "No transfer is running.";

// Other commands that both answer
inline constexpr std::string_view rnfr_first = "Send RNFR first, directly before RNTO.";
inline constexpr std::string_view noop = "OK.";
inline constexpr std::string_view noted = "Noted.";
inline constexpr std::string_view system = "UNIX Type: L8";

}  // namespace sallyport::proto::replies
