// Rules about single data methods.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

bool got_reply(const method_facts& m) {
    return m.result != method_result::verb_dropped && m.result != method_result::failed;
}

void judge_epsv_dropped(const facts& known, std::vector<verdict>& out) {
    for (const auto& m : known.methods) {
        if (m.method != proto::data_method::epsv || m.result != method_result::verb_dropped) continue;
        const auto* const pasv = find_method(known, proto::data_method::pasv, m.tls);
        // A refused PASV leaves no other way.
        if (pasv == nullptr || !got_reply(*pasv) || pasv->result == method_result::verb_refused) continue;
        auto found = verdict_of("epsv-dropped", side::undecided, confidence::likely);
        found.method = m.method;
        found.evidence.push_back(evidence_of(m));
        found.evidence.push_back(evidence_of(*pasv));
        if (m.acknowledged == true) {
            // Either the server or a proxy has received the command.
            found.confidence = confidence::possible;
            found.evidence.emplace_back("TCP acknowledged EPSV, so it reached the server or a proxy");
        } else if (m.acknowledged == false) {
            // It may stand before the client or before the server, and a short outage looks the same.
            found.evidence.emplace_back("TCP did not acknowledge EPSV, so a device on the path probably drops it");
        }
        out.push_back(std::move(found));
        return;
    }
}

const method_facts* first_with(const facts& known, method_result result) {
    return first_of(known.methods, [result](const method_facts& m) { return m.result == result; });
}

void judge_unanswered(const facts& known, std::vector<verdict>& out) {
    if (has_id(out, {"epsv-dropped", "nat64-without-epsv"})) return;
    const auto* const m = first_with(known, method_result::verb_dropped);
    if (m == nullptr) return;
    auto found = verdict_of("command-unanswered", side::undecided, confidence::possible);
    found.method = m->method;
    found.evidence.push_back(evidence_of(*m));
    if (m->acknowledged)
        found.evidence.emplace_back(*m->acknowledged ? "TCP acknowledged it" : "TCP did not acknowledge it");
    out.push_back(std::move(found));
}

bool is_refused(const method_facts& m) { return m.result == method_result::verb_refused && m.malformed.empty(); }

/// PASV, which every client knows over IPv4, is refused, and no EPSV was accepted; active mode is not refused.
void judge_passive_refused(const facts& known, std::vector<verdict>& out) {
    const auto passive = passive_methods(known);
    const bool any_pasv =
        std::ranges::any_of(passive, [](const method_facts* m) { return m->method == proto::data_method::pasv; });
    const auto refuses = [](const method_facts* m) { return is_refused(*m); };
    if (!any_pasv || !std::ranges::all_of(passive, refuses) || std::ranges::all_of(active_methods(known), refuses)) return;
    auto found = verdict_of("passive-refused", side::server_config, confidence::likely);
    for (const auto* const m : passive) found.evidence.push_back(evidence_of(*m) + "; " + evidence_of_reply(*m));
    out.push_back(std::move(found));
}

void judge_epsv_refused(const facts& known, std::vector<verdict>& out) {
    // Other rules have the whole cause.
    if (has_id(out, {"passive-refused", "nat64-without-epsv"})) return;
    if (std::ranges::all_of(known.methods, is_refused)) return;
    for (const auto& m : known.methods) {
        if (m.method != proto::data_method::epsv || !is_refused(m)) continue;
        const auto* const pasv = find_method(known, proto::data_method::pasv, m.tls);
        const bool has_pasv = pasv != nullptr && is_usable(*pasv);
        const bool is_needed = known.server.address.is_v6();
        auto found = verdict_of("epsv-refused", side::server_config, confidence::likely,
                                is_needed || pasv == nullptr ? severity::problem : severity::note);
        if (has_pasv)
            found.remedy = "Nothing over IPv4, where PASV works. Over IPv6 EPSV is required: enable it in the server.";
        if (pasv == nullptr && !is_needed) found.remedy += " PASV was not tried: --data-methods pasv tries it.";
        found.evidence.push_back(evidence_of_reply(m));
        out.push_back(std::move(found));
        return;
    }
}

/// The server answers, and offers no way to a data connection.
void judge_methods_refused(const facts& known, std::vector<verdict>& out) {
    const bool all_refused = std::ranges::all_of(known.methods, is_refused);
    const auto passive = passive_methods(known);
    if (!all_refused || passive.empty() || has_id(out, {"nat64-without-epsv"})) return;
    auto found = verdict_of("data-methods-refused", side::server_config, confidence::likely);
    for (const auto& m : known.methods) found.evidence.push_back(evidence_of(m) + "; " + evidence_of_reply(m));
    out.push_back(std::move(found));
}

void judge_eprt_refused(const facts& known, std::vector<verdict>& out) {
    for (const auto& m : known.methods) {
        if (m.method != proto::data_method::eprt || m.result != method_result::verb_refused) continue;
        const auto* const port = find_method(known, proto::data_method::port, m.tls);
        if (port == nullptr || port->result == method_result::verb_refused || !got_reply(*port)) continue;
        auto found = verdict_of("eprt-refused", side::undecided, confidence::likely, severity::note);
        found.evidence.push_back(evidence_of(m) + "; " + evidence_of_reply(m));
        found.evidence.push_back(evidence_of(*port));
        out.push_back(std::move(found));
        return;
    }
}

void judge_no_own_port(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_of(known.methods, [](const method_facts& each) {
        return is_active(each.method) && each.reply_code >= 400 &&
               contains_any(to_lower(each.reply),
                            {"assign requested address", "can't assign", "cannot assign", "address already in use"});
    });
    if (m == nullptr) return;
    auto found = verdict_of("server-cannot-bind", side::server, confidence::likely, severity_of_active(known));
    found.method = m->method;
    found.evidence.push_back(evidence_of_reply(*m));
    out.push_back(std::move(found));
}

void judge_active_blocked(const facts& known, std::vector<verdict>& out) {
    if (has_id(out, {"server-cannot-bind"})) return;
    const auto* const m =
        first_of(known.methods, [](const method_facts& each) { return is_active(each.method) && is_blocked(each); });
    if (m == nullptr) return;
    auto found = verdict_of("active-blocked", side::undecided, confidence::possible, severity_of_active(known));
    found.method = m->method;
    found.evidence.push_back(evidence_of(*m));
    found.evidence.push_back(evidence_of_reply(*m));
    if (m->result == method_result::refused) {
        found.side = side::client;
        found.confidence = confidence::likely;
    } else if (has_nat_at_client(known)) {
        found.side = side::client;
        found.confidence = confidence::likely;
        found.evidence.push_back(fmt::format("this computer has the private address {}, so it is behind a NAT router",
                                             known.client.address.text()));
    }
    out.push_back(std::move(found));
}

bool demands_resumption(const method_facts& m) {
    if (!m.tls || m.reply_code < 400) return false;
    const auto text = to_lower(m.reply);
    return text.contains("session") && contains_any(text, {"ssl", "tls"}) && contains_any(text, {"reuse", "resum"});
}

void judge_resumption(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_of(known.methods, demands_resumption);
    if (m == nullptr || has_id(out, {"tls-version-fails", "tls-reuse-fails"})) return;
    auto found = verdict_of("tls-session-not-reused", side::server, confidence::likely);
    found.evidence.push_back(evidence_of_reply(*m));
    found.evidence.push_back(fmt::format("the data connection {} the control connection's TLS session",
                                         m->resumed == true ? "resumed" : "did not resume"));
    out.push_back(std::move(found));
}

void judge_close_notify(const facts& known, std::vector<verdict>& out) {
    const auto* const m =
        first_of(known.methods, [](const method_facts& each) { return each.end == stream_end::truncated; });
    if (m == nullptr) return;
    auto found = verdict_of("no-close-notify", side::server, confidence::likely,
                            m->result == method_result::ok ? severity::note : severity::problem);
    found.evidence.push_back(
        fmt::format("{} over TLS: the data connection ended without close_notify", proto::name(m->method)));
    out.push_back(std::move(found));
}

void judge_stalled(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_with(known, method_result::stalled);
    const auto explains = [](const verdict& v) { return v.id == "full-packets-lost" && v.severity == severity::problem; };
    // What is missing at the end is known (transfer-unfinished).
    if (m == nullptr || m->packets || lacks_only_its_end(*m) || std::ranges::any_of(out, explains)) return;
    auto found = verdict_of("data-stalled", side::undecided, confidence::possible);
    found.evidence.push_back(fmt::format("{}: connected, {} bytes arrived, then no more", proto::name(m->method), m->bytes));
    if (known.seen_from == vantage::client && m->end == stream_end::open)
        found.evidence.emplace_back("neither the end (FIN) of the data connection nor the final reply (226) has arrived");
    out.push_back(std::move(found));
}

/// What the text of a refused listing says; the codes alone do not tell a missing path from a missing permission.
std::string_view cause_in_refusal(std::string_view reply) {
    const auto text = to_lower(reply);
    if (contains_any(text, {"permission", "denied", "not permitted", "not allowed", "forbidden"}))
        return "The server does not permit this login to list the path.";
    if (contains_any(text, {"no such", "not found", "not exist", "cannot find", "can't find"}))
        return "The path does not exist on the server.";
    return {};
}

void judge_listing_refused(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_with(known, method_result::listing_refused);
    if (m == nullptr) return;
    auto found = verdict_of("listing-refused", side::undecided, confidence::likely);
    if (const auto cause = cause_in_refusal(m->reply); !cause.empty()) {
        found.cause = cause;
        found.confidence = confidence::certain;
    }
    found.evidence.push_back(evidence_of_reply(*m));
    for (const auto* const each : passive_methods(known))
        if (is_usable(*each))
            found.evidence.push_back(fmt::format("{}: the data connection was established, so no firewall is the cause",
                                                 proto::name(each->method)));
    out.push_back(std::move(found));
}

}  // namespace

std::span<const rule> method_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"epsv-dropped", "EPSV gets no reply, and PASV does.", "both methods in sessions of their own",
          "a server that is slow in general", "a server that does not answer unknown commands; a proxy that drops EPSV",
          "Disable FTP inspection in the firewalls on the path; clients can use PASV only (--data-methods pasv)."},
         judge_epsv_dropped},
        {{"command-unanswered", "A command for a data connection gets no reply.", "EPSV, PASV, EPRT or PORT without a reply",
          "EPSV without a reply where PASV has one", "a slow server; a firewall that inspects FTP",
          "Try another method (--data-methods), and disable FTP inspection in the firewalls on the path."},
         judge_unanswered},
        {{"passive-refused", "The server refuses passive mode.",
          "replies of 4xx or 5xx to PASV, and to EPSV if it was tried; active mode that is not refused",
          "passive mode whose data connection fails", "no free passive port; a device that answers for the server",
          "Server's administrator: enable passive mode; most clients are behind a NAT router and have no other. Until then "
          "active mode (--data-methods eprt,port) can be used where it works."},
         judge_passive_refused},
        {{"epsv-refused", "The server refuses EPSV.", "a reply of 5xx to EPSV", "no reply",
          "a device that answers for the server; NAT64 without support for FTP",
          "Enable EPSV in the server; over IPv6 it is required. Over IPv4 clients can use PASV if the server accepts it."},
         judge_epsv_refused},
        {{"data-methods-refused", "The server refuses every data method that was tried.",
          "replies of 4xx or 5xx to all of them", "methods that fail after the server's reply",
          "a limit of the server: no free passive port, too many sessions",
          "Read the server's replies; enable passive mode in the server, or try again later."},
         judge_methods_refused},
        {{"eprt-refused", "EPRT is refused, and PORT is accepted.", "both methods", "a refusal of active mode in general",
          "a helper that rewrites PORT only, so that the server sees a private address in EPRT",
          "Use PORT (--data-methods port), or passive mode."},
         judge_eprt_refused},
        {{"server-cannot-bind", "The server has no address or port of its own for the data connection.",
          "a refusal with the system's text for that", "other refusals", "an external address in place of a local one",
          "Server's administrator: correct the local address of data connections; in active mode use more than one source "
          "port (vsftpd: connect_from_port_20=NO), since two connections to the same port of a client exclude each other."},
         judge_no_own_port},
        {{"active-blocked", "The server accepts active mode, but its data connection does not arrive.",
          "an accepted PORT or EPRT, and no connection within the time limit, or 425", "a refusal of the command",
          "a firewall of the client, of the server, or of a provider; a NAT router without a mapping",
          "Use passive mode; or allow connections from the server to the client's computer (--active-ports) in the client's "
          "firewall and router, and outgoing connections from port 20 in the server's."},
         judge_active_blocked},
        {{"tls-session-not-reused",
          "The server requires TLS session reuse on data connections, and did not accept this one.",
          "a refusal that names it", "other refusals",
          "a cluster whose nodes do not share ticket keys; a gateway that ends TLS",
          "Share the TLS ticket keys among the nodes, or disable the requirement (vsftpd: require_ssl_reuse=NO; ProFTPD: "
          "TLSOptions NoSessionReuseRequired)."},
         judge_resumption},
        {{"no-close-notify", "The server ends TLS on data connections without close_notify.",
          "how the data connection ended", "a reset", "a device that ends the connection",
          "Update the server; strict clients treat such transfers as truncated."},
         judge_close_notify},
        {{"listing-refused", "The server refuses the listing of this path.",
          "an accepted data method, and a reply of 4xx or 5xx to the listing that names no data connection",
          "replies about the data connection (425, 426) and about TLS", "none",
          "Check the path in the URL; if it exists, the server's administrator has to permit this login to list it."},
         judge_listing_refused},
        {{"data-stalled", "The data connection was established, but the data stopped.",
          "an open data connection on which no more bytes arrive", "a refused or unanswered connection",
          "lost full-sized packets (MTU); a slow server; a stateful device that lost the connection",
          "Compare with a smaller segment size: lower the MTU of this computer's interface to 1280 and try again."},
         judge_stalled},
    });
    return table;
}

}  // namespace sallyport::diagnosis
