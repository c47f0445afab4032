#pragma once
// Table of the causes of failures: who can remove each one, at which step it shows, and the remedy. Texts and option
// names are left to the program that uses this library. Constants and values; any thread.

#include <cstdint>
#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/client_settings.hpp>

namespace sallyport::client {

/// The side that has to change something.
enum class side : std::uint8_t {
    // The request: the URL, the user, the path, the settings of this program.
    user,
    // This computer or its network.
    local,
    // A firewall, router or name server, on either side.
    network,
    server
};

enum class remedy : std::uint8_t {
    none,
    check_address,
    check_network,
    check_proxy,
    check_credentials,
    check_local_file,
    check_path,
    list_directory,
    use_explicit_tls,
    use_implicit_tls,
    trust_certificate,
    compare_key,
    accept_plain_data,
    accept_plain_session,
    protect_data,
    specify_account,
    specify_user,
    use_other_user,
    use_other_name,
    use_other_method,
    use_active_mode,
    use_passive_mode,
    open_passive_ports,
    forward_passive_ports,
    allow_active_connection,
    set_active_address,
    configure_server_address,
    free_space_on_server,
    resume,
    start_over,
    try_again,
    try_later,
    ask_administrator,
    inspect_transcript
};

enum class cause : std::uint8_t {
    // Until TLS is established
    host_not_found,
    no_address_of_family,
    connection_refused,
    no_response,
    unreachable,
    proxy_failed,
    no_greeting,
    closed_before_greeting,
    service_refused,
    not_an_ftp_server,
    certificate_untrusted,
    certificate_of_other_name,
    key_unknown,
    key_changed,
    tls_missing,
    tls_tampered,
    wrong_tls_mode,
    tls_failed,
    data_protection_refused,
    data_protection_required,
    // Login
    tls_required,
    data_tls_required,
    server_busy,
    account_required,
    anonymous_refused,
    credentials_refused,
    login_failed,
    // Requests
    path_refused,
    directory_refused,
    user_not_permitted,
    no_space_on_server,
    server_error,
    resume_unsupported,
    invalid_name,
    connection_lost,
    reply_timeout,
    stray_reply,
    request_failed,
    // Data connections
    command_blocked,
    passive_port_timeout,
    passive_port_refused,
    private_address_advertised,
    private_active_address,
    active_connection_timeout,
    passive_mode_failed,
    active_mode_failed,
    data_methods_refused,
    proxy_blocks_data,
    // Transfers
    data_certificate_mismatch,
    download_interrupted,
    upload_interrupted,
    transfer_failed,
    // The local file and the listing
    file_not_resumable,
    file_changed,
    file_in_use,
    file_failed,
    unknown_listing_format
};

struct cause_row {
    cause id;
    side responsible;
    /// The step at which it usually shows.
    proto::client_step at;
    remedy next;
};

[[nodiscard]] const cause_row& row_of(cause c) noexcept;

/// One cause with its details; those without a meaning for the cause are empty.
struct advice {
    cause id = cause::request_failed;
    /// The peer of a data connection, or the address that is wrong.
    endpoint address{};
    /// The command that was blocked.
    std::optional<proto::data_method> method;
    /// The URL to use instead, to list, or of the server.
    std::string url;
    /// The key of the server's certificate, "sha256//...".
    std::string key{};
};

}  // namespace sallyport::client
