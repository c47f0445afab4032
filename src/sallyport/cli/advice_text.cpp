#include <sallyport/cli/advice_text.hpp>

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <string_view>

#include <sallyport/base/escape.hpp>

namespace sallyport::cli {

namespace {

using client::cause;

struct wording {
    cause id;
    // May contain {where}, {address}, {port}, {method}, {url} and {key} of the cause.
    std::string_view text;
};

// In the order of the enum.
constexpr auto wordings = std::to_array<wording>({
    {cause::host_not_found, "Check the host name, and that this computer can reach its name server."},
    {cause::no_address_of_family, "Leave out -4 or -6, or use a name or address of that kind."},
    {cause::connection_refused, "Check the host name and port, and that the server is running."},
    {cause::no_response,
     "No response. The address may be wrong, the host down, or a firewall may be dropping the connection."},
    {cause::unreachable, "Check the host's address and this computer's network."},
    {cause::proxy_failed,
     "Check the proxy (--proxy, or ALL_PROXY in the environment); with --no-proxy '*' the client connects without one."},
    {cause::no_greeting,
     "The port is open, but no FTP server answers on it; use ftps:// if the server expects implicit TLS."},
    {cause::closed_before_greeting,
     "The server closed the connection before its greeting: it may be full, or may not accept connections from this "
     "address."},
    {cause::service_refused, "The server does not accept this connection; ask its administrator, or try again later."},
    {cause::not_an_ftp_server,
     "This does not behave like an FTP server: check the host name and port; -v shows the conversation."},
    {cause::certificate_untrusted,
     "Pass its CA certificate with --ca FILE, or if the server's administrator confirms its key, pass --pin {key} instead. "
     "With --insecure the connection is not protected against interception."},
    {cause::certificate_of_other_name,
     "The certificate is for another name, so --ca does not help: use a name in the URL that the certificate has, or if the "
     "server's administrator confirms its key, pass --pin {key} instead. With --insecure the connection is not protected "
     "against interception."},
    {cause::key_unknown,
     "If the server's administrator confirms this key, pass --pin {key}, or keep it with --trust first-use."},
    {cause::key_changed,
     "Another host may be intercepting the connection, and nothing was sent. If the server's administrator confirms that "
     "the "
     "key was replaced, remove the old one with: sallyport sites forget '{url}'"},
    {cause::tls_missing,
     "No password was sent. Use ftp:// only if sending the password and data unencrypted is acceptable."},
    {cause::tls_tampered,
     "No password was sent. The connection may have been tampered with; use ftps:// (implicit TLS) if the server offers "
     "it."},
    {cause::wrong_tls_mode, "The port may expect explicit TLS: try ftpes:// instead of ftps://."},
    {cause::tls_failed, "The server's TLS may be too old (below 1.2) or broken; -v shows the conversation."},
    {cause::data_protection_refused, "With --no-data-tls, files and listings are transferred unencrypted."},
    {cause::data_protection_required, "Leave out --no-data-tls."},
    {cause::tls_required, "The server requires TLS; use {url}"},
    {cause::data_tls_required, "The server requires encrypted data connections; leave out --no-data-tls."},
    {cause::server_busy, "The server is busy or shutting down; try again later."},
    {cause::account_required, "Set the account in ~/.netrc: machine HOST login NAME password SECRET account ACCOUNT."},
    {cause::anonymous_refused, "The server may not accept anonymous logins; set a user name in the URL or with --user."},
    {cause::credentials_refused,
     "Check user name and password: in the URL, with --user NAME:PASSWORD, in SALLYPORT_PASSWORD or in ~/.netrc."},
    {cause::login_failed, "-v shows the conversation."},
    {cause::path_refused, "Check the path and the user's permissions; to list the directory: sallyport ls '{url}'"},
    {cause::directory_refused, "Check the path and the user's permissions."},
    {cause::user_not_permitted,
     "The user has no permission; log in as another user (--user), or ask the server's administrator."},
    {cause::no_space_on_server, "The server has no space left; free some on the server, or ask its administrator."},
    {cause::server_error, "The server has a temporary problem; try again later."},
    {cause::resume_unsupported, "Try again without --resume."},
    {cause::invalid_name, "FTP cannot transmit this name; choose another."},
    {cause::connection_lost, "The connection was lost; try again."},
    {cause::reply_timeout, "The server did not respond; try again later."},
    {cause::stray_reply,
     "The server's replies no longer match the commands, so the session was ended; try again. -v shows the conversation."},
    {cause::request_failed, "-v shows the conversation."},
    {cause::command_blocked,
     "The server did not answer {method}: a firewall may block this command; choose another with --data-methods."},
    {cause::passive_port_timeout,
     "No response from {where}: a firewall is probably dropping the data connection. Open the server's passive ports "
     "(including {port}) in its firewall, or allow outgoing connections to them in yours."},
    {cause::passive_port_refused,
     "{where} refused the connection: the passive ports are not forwarded to the server, or a firewall rejects them."},
    {cause::private_address_advertised,
     "The server advertised the private address {address}. Its external address must be configured on the server."},
    {cause::private_active_address,
     "Active mode cannot work from {address}, a private address behind NAT, unless ports are forwarded to this computer "
     "(--active-ports) and its external address is set (--active-address)."},
    {cause::active_connection_timeout,
     "The server did not connect to {where} in active mode. Allow this connection in your firewall and in the server's."},
    {cause::passive_mode_failed, "Active mode (--active) may work if the server can connect to this computer."},
    {cause::active_mode_failed, "Passive mode (without --active) may work."},
    {cause::data_methods_refused,
     "The server refuses every data method that was tried; its replies say why, and -v shows the conversation."},
    {cause::proxy_blocks_data,
     "The proxy has to permit connections to the server's passive ports, and the server's firewall those of the proxy."},
    {cause::data_certificate_mismatch, "Another host may have accepted the data connection; -v shows its address."},
    {cause::download_interrupted, "The partial file was kept; use --resume to continue."},
    {cause::upload_interrupted, "The server kept the part that it received; use --resume to continue."},
    {cause::transfer_failed, "Try again; -v shows the conversation."},
    {cause::file_not_resumable, "Without --resume, the complete file is transferred."},
    {cause::file_changed, "Upload it again when no other program changes it."},
    {cause::file_in_use, ""},
    {cause::file_failed, "Check free space and permissions of the local file."},
    {cause::unknown_listing_format, "Files can still be transferred by name; -v shows the conversation."},
});
static_assert(wordings.size() == static_cast<std::size_t>(cause::unknown_listing_format) + 1);
static_assert([] {
    for (std::size_t i = 0; i < wordings.size(); ++i)
        if (static_cast<std::size_t>(wordings[i].id) != i) return false;
    return true;
}());

std::string sentence(const client::advice& one) {
    const auto text = wordings[static_cast<std::size_t>(one.id)].text;
    return fmt::format(fmt::runtime(text), fmt::arg("where", one.address.text()),
                       fmt::arg("address", one.address.address.text()), fmt::arg("port", one.address.port),
                       fmt::arg("method", one.method ? name(*one.method) : std::string_view()), fmt::arg("url", one.url),
                       fmt::arg("key", one.key.empty() ? "KEY" : one.key));
}

}  // namespace

std::string advice_text(const std::vector<client::advice>& causes) {
    std::string out;
    for (const auto& one : causes) {
        const auto text = sentence(one);
        if (!out.empty() && !text.empty()) out += ' ';
        out += text;
    }
    return out;
}

std::string failure_line(const client::failure& f) {
    const auto advice = advice_text(f.causes);
    return f.text() + (advice.empty() ? "" : " " + escape(advice, 2048));
}

}  // namespace sallyport::cli
