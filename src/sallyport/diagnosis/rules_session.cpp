// Rules about the steps before a data connection.

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

/// The step that failed, if it is this one and has this error; with an empty `error`, any.
const phase* failed_at(const facts& known, std::string_view name, std::string_view error = {}) {
    const auto* const failed = known.failed_phase();
    return failed != nullptr && failed->name == name && (error.empty() || failed->error == error) ? failed : nullptr;
}

void add(const facts& known, std::vector<verdict>& out, std::string_view id, side where, confidence sure) {
    auto found = verdict_of(id, where, sure);
    const auto& failed = *known.failed_phase();
    found.evidence.push_back(fmt::format("{}: {}", failed.name, failed.detail));
    out.push_back(std::move(found));
}

void judge_host_not_found(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "resolve") != nullptr && failed_at(known, "resolve", name(errc::usage)) == nullptr)
        add(known, out, "host-not-found", side::client_config, confidence::likely);
}

void judge_other_family(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "resolve", name(errc::usage)) != nullptr)
        add(known, out, "no-address-of-family", side::client_config, confidence::certain);
}

void judge_control_refused(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "connect", "refused") != nullptr)
        add(known, out, "control-port-refused", side::server, confidence::likely);
}

void judge_control_silent(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "connect", "timeout") == nullptr) return;
    add(known, out, "control-port-silent", side::undecided, confidence::possible);
    const auto* const control = known.control_trace();
    if (control == nullptr) return;
    const auto last = control->last_expired();
    out.back().evidence.push_back(
        last == 0 ? "no hop of the path answers"
                  : fmt::format("the last hop that answers is {}", text_of({last, last, address_of_hop(known, last)})));
}

void judge_control_unreachable(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "connect", "unreachable") != nullptr)
        add(known, out, "control-port-unreachable", side::undecided, confidence::possible);
}

void judge_proxy_header(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "greeting") == nullptr || known.greeted_after_proxy_header != true) return;
    add(known, out, "proxy-header-expected", side::server_config, confidence::certain);
    out.back().evidence.emplace_back("after a PROXY header, the greeting arrived");
}

void judge_no_greeting(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = failed_at(known, "greeting");
    if (failed != nullptr && failed->reply_code == 0 && known.greeted_after_proxy_header != true)
        add(known, out, "no-greeting", side::undecided, confidence::possible);
}

bool names_tls(const std::string& feature) {
    const auto text = to_lower(feature);
    return text.starts_with("auth") && text.find("tls") != text.npos;
}

/// The refusal of AUTH itself; PROT is refused inside TLS, where no device can read it.
const phase* refused_auth(const facts& known) {
    const auto* const failed = failed_at(known, "tls", "unsupported");
    return failed != nullptr && failed->reply_code >= 500 ? failed : nullptr;
}

void judge_tls_missing(const facts& known, std::vector<verdict>& out) {
    if (refused_auth(known) == nullptr || std::ranges::any_of(known.features, names_tls)) return;
    // Without a list of features, a device that changes AUTH would look the same.
    const bool is_listed = !known.features.empty();
    add(known, out, "tls-missing", side::server_config, is_listed ? confidence::certain : confidence::likely);
    if (is_listed) out.back().evidence.emplace_back("the server's reply to FEAT does not name AUTH TLS");
}

void judge_auth_garbled(const facts& known, std::vector<verdict>& out) {
    if (refused_auth(known) == nullptr) return;
    for (const auto& feature : known.features) {
        if (!names_tls(feature)) continue;
        add(known, out, "auth-garbled", side::undecided, confidence::likely);
        out.back().evidence.push_back("the server's reply to FEAT names " + feature);
        return;
    }
}

bool refuses_unencrypted_data(const method_facts& m) {
    if (!m.tls || m.reply_code < 500) return false;
    // 522 is also the refusal of a TLS session that was not resumed.
    return m.reply_code == 521 || (m.reply_code == 522 && to_lower(m.reply).find("encrypt") != std::string::npos);
}

/// After the login, the server refused PROT C, or a listing without protection.
void judge_data_tls_required(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = failed_at(known, "tls", "rejected");
    if (failed != nullptr && failed->detail.contains("requires encrypted data connections"))
        return add(known, out, "data-tls-required", side::client_config, confidence::certain);
    const auto* const m = first_of(known.methods, refuses_unencrypted_data);
    if (m == nullptr) return;
    out.push_back(verdict_of("data-tls-required", side::client_config, confidence::likely));
    out.back().evidence.push_back(evidence_of_reply(*m));
}

/// The server refused PROT P.
void judge_data_tls_refused(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = failed_at(known, "tls", "rejected");
    if (failed != nullptr && failed->detail.contains("does not encrypt data connections"))
        add(known, out, "data-tls-refused", side::server_config, confidence::likely);
}

void judge_certificate(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = failed_at(known, "tls", "tls_untrusted");
    if (failed != nullptr && !names_other_host(to_lower(failed->detail)))
        add(known, out, "certificate-untrusted", side::undecided, confidence::likely);
}

void judge_certificate_name(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = failed_at(known, "tls", "tls_untrusted");
    if (failed != nullptr && names_other_host(to_lower(failed->detail)))
        add(known, out, "certificate-other-name", side::undecided, confidence::likely);
}

void judge_tls_failed(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "tls") != nullptr && out.empty())
        add(known, out, "tls-failed", side::undecided, confidence::possible);
}

void judge_tls_required(const facts& known, std::vector<verdict>& out) {
    if (requires_tls(known)) add(known, out, "tls-required", side::client_config, confidence::certain);
}

/// The refusal of the session in the greeting or in the login; nullptr if there was none, or if it asks for TLS.
const phase* refusal_of_session(const facts& known) {
    const auto* failed = failed_at(known, "login");
    if (failed == nullptr) failed = failed_at(known, "greeting");
    return failed != nullptr && failed->reply_code >= 400 && !requires_tls(known) ? failed : nullptr;
}

/// vsftpd: "500 OOPS: vsftpd: refusing to run with writable root inside chroot()".
bool is_fault_of_server(const phase& failed) {
    return says(to_lower(failed.detail), {"oops", "internal error", "internal server error"});
}

bool names_limit(const phase& failed) {
    if (failed.reply_code == 421)
        return says(to_lower(failed.detail), {"too many", "limit", "maximum", "busy", "full", "connected users", "already"});
    return to_lower(failed.detail).contains("too many");
}

std::string_view id_of_refusal(const phase& failed) {
    if (is_fault_of_server(failed)) return "server-fault";
    if (names_limit(failed)) return "server-busy";
    return failed.name == "login" && failed.reply_code != 421 ? "login-refused" : "session-refused";
}

/// The refusal of the session, if it has this cause.
const phase* refused_as(const facts& known, std::string_view id) {
    const auto* const failed = refusal_of_session(known);
    return failed != nullptr && id_of_refusal(*failed) == id ? failed : nullptr;
}

void judge_server_fault(const facts& known, std::vector<verdict>& out) {
    if (refused_as(known, "server-fault") != nullptr)
        add(known, out, "server-fault", side::server_config, confidence::likely);
}

void judge_server_busy(const facts& known, std::vector<verdict>& out) {
    if (refused_as(known, "server-busy") != nullptr) add(known, out, "server-busy", side::server, confidence::likely);
}

void judge_session_refused(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = refused_as(known, "session-refused");
    if (failed == nullptr) return;
    add(known, out, "session-refused", side::server, confidence::likely);
    // Our gateway: "No FTP server is available; try again later."
    if (says(to_lower(failed->detail), {"no ftp server is available", "backend", "upstream"}))
        out.back().cause = "A gateway answers, and none of its servers does.";
}

void judge_login_refused(const facts& known, std::vector<verdict>& out) {
    if (refused_as(known, "login-refused") != nullptr)
        add(known, out, "login-refused", side::client_config, confidence::likely);
}

/// The last line of a client program whose data connections worked, as far as its transcript shows.
void judge_transfer_failed(const facts& known, std::vector<verdict>& out) {
    if (failed_at(known, "transfer") != nullptr) add(known, out, "transfer-failed", side::undecided, confidence::possible);
}

void judge_connection_lost(const facts& known, std::vector<verdict>& out) {
    const auto* const failed = failed_at(known, "login");
    if (failed != nullptr && failed->reply_code == 0)
        add(known, out, "login-unanswered", side::undecided, confidence::possible);
}

}  // namespace

bool requires_tls(const facts& known) {
    const auto* failed = failed_at(known, "login");
    if (failed == nullptr) failed = failed_at(known, "greeting");
    return known.tls_mode == "none" && failed != nullptr && failed->reply_code >= 400 &&
           asks_for_tls(failed->reply_code, to_lower(failed->detail), true);
}

std::span<const rule> session_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"host-not-found", "The host name has no address.", "the lookup of the name", "an address in place of a name",
          "a name server that does not answer", "Check the host name and the name server of this computer."},
         judge_host_not_found},
        {{"no-address-of-family", "The host has no address of the family that -4 or -6 selects.",
          "the lookup of the name, or the address in the URL", "names without any address", "none",
          "Run the command without -4 and -6. If the URL has an address, only its own family works; if it has a name, add "
          "an A or AAAA record for the missing family."},
         judge_other_family},
        {{"control-port-refused", "No FTP server accepts connections on this address and port.",
          "an RST in reply to the connection", "silence and ICMP",
          "a firewall that answers with RST; a NAT router that does not forward the port",
          "Check address and port; start the server, or forward the port to it."},
         judge_control_refused},
        {{"control-port-silent", "The control port does not answer.", "a connection without any answer",
          "RST and ICMP, which are other causes", "a host that is down; a firewall of either side, or of a provider",
          "Check that the host is up, and allow TCP connections to this port in the firewalls of both sides."},
         judge_control_silent},
        {{"control-port-unreachable", "A device rejects the connection, or there is no route to the server.",
          "an ICMP error, or the system's refusal", "RST and silence", "a host that is down, reported by its last router",
          "Check the network of this computer, and the firewalls of both sides."},
         judge_control_unreachable},
        {{"proxy-header-expected", "The server waits for a PROXY header of a load balancer before its greeting.",
          "no greeting, and a greeting after a PROXY header", "ports that never greet", "none",
          "Connect through the load balancer; or disable the PROXY protocol for this listener of the server."},
         judge_proxy_header},
        {{"no-greeting", "The connection is accepted, but no FTP greeting arrives.", "an open connection without a greeting",
          "a refusal in the greeting",
          "a port that starts with TLS (990); a server that waits for a PROXY header; a slow reverse lookup; a service mesh "
          "that waits for the client's first byte",
          "Check that the port belongs to an FTP server; for implicit TLS use ftps://. If a load balancer must send PROXY "
          "headers, connect through it."},
         judge_no_greeting},
        {{"tls-missing", "The server offers no explicit TLS.", "a refusal of AUTH TLS, and a FEAT reply without it",
          "a FEAT reply that offers AUTH TLS", "without a reply to FEAT: a device that changes or blocks AUTH TLS",
          "Server's administrator: enable TLS. If the server uses implicit TLS, use ftps:// (port 990)."},
         judge_tls_missing},
        {{"auth-garbled", "A device on the path changes or blocks AUTH TLS.",
          "a refusal of AUTH TLS, and a FEAT reply that offers it", "a server without TLS, whose FEAT does not name it",
          "a server that refuses TLS to this address only",
          "Disable FTP inspection (ALG, fixup) in the firewalls on the path, or use implicit TLS on port 990."},
         judge_auth_garbled},
        {{"data-tls-required", "The server requires encrypted data connections.",
          "a refusal of PROT C, or reply 521 or 522 to the listing", "a refusal of AUTH TLS", "none",
          "Remove --no-data-tls; in other clients, enable TLS on data connections (PROT P)."},
         judge_data_tls_required},
        {{"data-tls-refused", "The server does not encrypt data connections.", "a refusal of PROT P",
          "a refusal of AUTH TLS", "a server that has no certificate for data connections",
          "Server's administrator: allow TLS on data connections; --no-data-tls transfers files without encryption."},
         judge_data_tls_refused},
        {{"certificate-other-name", "The server's certificate is for another name.",
          "a failed TLS handshake whose reason is the name in the certificate", "a certificate of an unknown CA",
          "a device that intercepts TLS; a name that leads to another server",
          "Use a name in the URL that the certificate has; or the server's administrator gets a certificate for this name."},
         judge_certificate_name},
        {{"certificate-untrusted", "The server's certificate is not trusted.", "a failed TLS handshake",
          "other TLS failures", "a device that intercepts TLS",
          "Trust its CA with --ca FILE; --insecure accepts any certificate for this test."},
         judge_certificate},
        {{"tls-failed", "TLS could not be established.", "a failed AUTH TLS or handshake",
          "an untrusted certificate; a refused AUTH", "implicit TLS against explicit TLS; a device that intercepts TLS",
          "Check whether the server uses explicit TLS (ftpes://) or implicit TLS (ftps://, port 990)."},
         judge_tls_failed},
        {{"tls-required", "The server requires TLS.", "a refusal of an unencrypted login that asks for TLS",
          "other refusals of the login", "none", "Use explicit TLS: ftpes:// in place of ftp:// in the URL."},
         judge_tls_required},
        {{"server-fault", "The server reports a fault of its own.",
          "a refusal of the session or of the login that names it, such as vsftpd's \"500 OOPS\"",
          "limits, and a wrong password", "none",
          "Server's administrator: correct what the reply names; the server's log may have more. If vsftpd refuses to run "
          "with a writable root inside chroot(), take the right to write in the user's home directory away, or set "
          "allow_writeable_chroot=YES."},
         judge_server_fault},
        {{"server-busy", "The server does not admit another session now.", "a refusal that names a limit",
          "a wrong password; a refusal without a limit", "the sessions of this diagnosis count for that limit as well",
          "Try again later, or raise the server's limits of users and sessions per address."},
         judge_server_busy},
        {{"session-refused", "The server refuses the session and names no limit.",
          "a refusal in place of the greeting, or reply 421 to the login", "a limit of sessions; a refused password",
          "a server that is shutting down; a gateway whose servers are down; a rule against this client's address",
          "Read the server's reply, and try again later. Server's administrator: check that the server runs and, at a "
          "gateway, that it reaches its servers (for a Sallyport gateway, 'sallyport status' shows them)."},
         judge_session_refused},
        {{"login-refused", "The server refused the login.", "a reply of 5xx to USER, PASS or ACCT", "limits (421)",
          "a server that requires TLS before the login and does not say so",
          "Check user name and password; a server may also require TLS (ftpes://)."},
         judge_login_refused},
        {{"login-unanswered", "The control connection was lost or silent during the login.",
          "no reply to a command of the login", "a refusal", "a slow account database; a firewall that inspects FTP",
          "Try again; if the problem persists, disable FTP inspection in the firewalls on the path."},
         judge_connection_lost},
        {{"transfer-failed", "The client's command failed, although no data connection did.",
          "the last line of a client's transcript, without a data connection that failed before it",
          "data connections that are refused, silent or reset", "a missing file, a permission, a quota, a lost connection",
          "Read what the client program says. If it does not name a file or a permission, run 'sallyport doctor URL'."},
         judge_transfer_failed},
    });
    return table;
}

}  // namespace sallyport::diagnosis
