#include <sallyport/cli/start_report.hpp>

#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/ports.hpp>
#include <sallyport/cli/port_needs.hpp>
#include <sallyport/cli/utc_text.hpp>
#include <sallyport/reach/known_ports.hpp>

namespace sallyport::cli {
namespace {

constexpr std::int64_t whole_day = 24 * 60 * 60;
constexpr std::int64_t warn_days = 30;
constexpr std::int64_t urgent_days = 7;
// Listeners, log and other files of the process.
constexpr std::uint64_t base_descriptors = 100;

bool overlap(const port_range& a, const port_range& b) {
    return a.first != 0 && b.first != 0 && a.first <= b.last && b.first <= a.last;
}

std::string listener_text(const report_input& s, const endpoint& at) {
    std::string how = "plain FTP, no TLS";
    if (s.tls_passthrough)
        how = "plain FTP, and TLS between clients and backends";
    else if (!s.certificates.empty())
        how = !s.tls_required ? "plain FTP and explicit TLS"
              : s.anonymous   ? "explicit TLS, required except for anonymous logins"
                              : "explicit TLS, required";
    return fmt::format("Listener {}: {}", at.text(), how);
}

std::string clients_of(const reach::address_rule& rule) {
    std::vector<std::string> parts;
    if (rule.clients) parts.push_back("clients in " + rule.clients->text());
    if (rule.client_destination) parts.push_back("clients that connect to " + rule.client_destination->text());
    if (rule.tls) parts.emplace_back(*rule.tls ? "clients with TLS" : "clients without TLS");
    return parts.empty() ? "clients" : fmt::format("{}", fmt::join(parts, ", "));
}

void add_addresses(start_report& out, const report_input& s) {
    bool for_all = false;
    for (const auto& rule : reach::by_precedence(s.data_connections.addresses)) {
        out.facts.push_back(fmt::format("Address advertised to {}: {}", clients_of(rule),
                                        rule.address.empty() ? "the one that they connect to"
                                        : rule.is_automatic()
                                            ? "the external address that the router or STUN servers report; clients in a "
                                              "local network get the one that they connect to"
                                            : escape(rule.address)));
        for_all = for_all || (!rule.clients && !rule.client_destination && !rule.tls);
    }
    if (!for_all)
        out.facts.push_back(fmt::format("Address advertised to {}: the one that they connect to",
                                        s.data_connections.addresses.empty() ? "clients" : "all others"));
}

std::string ports_text(const report_input& s, const machine_facts& m) {
    std::vector<std::string> parts;
    if (s.data_connections.single.control) parts.emplace_back("the control port itself");
    if (s.data_connections.single.port != 0) parts.push_back(fmt::format("port {} for all", s.data_connections.single.port));
    if (s.data_connections.ports.range.first != 0)
        parts.push_back(s.data_connections.ports.range.text());
    else if (parts.empty())
        parts.push_back(m.ephemeral.first == 0 ? "any free port" : "any free port of " + m.ephemeral.text());
    return fmt::format("Passive ports: {}", fmt::join(parts, ", then "));
}

std::string firewall_text(const report_input& s, const machine_facts& m) {
    std::vector<port_range> ports;
    for (const auto& c : server_needs(s, m).connections)
        if (c.direction == firewall::connection_direction::incoming) ports.insert(ports.end(), c.to.begin(), c.to.end());
    return fmt::format("A firewall must let in: TCP {}{}", firewall::ports_text(ports, ", ", "-"),
                       uses_any_port(s) ? " (--passive-ports A-B narrows this)" : "");
}

void add_certificates(start_report& out, const report_input& s, const machine_facts& m) {
    for (const auto& c : s.certificates) {
        std::vector<std::string> names;
        for (const auto& name : c.names) names.push_back(escape(name, 100));
        out.facts.push_back(fmt::format("Certificate {}: for {}, valid until {}", escape(c.file),
                                        names.empty() ? "no name" : fmt::format("{}", fmt::join(names, ", ")),
                                        utc_date(c.not_after)));
        const auto remaining = c.not_after - m.now;
        constexpr auto read_again = "the changed file is read while the daemon runs";
        if (remaining <= 0)
            out.warnings.push_back(fmt::format("Certificate {} has expired on {}, and clients refuse it; renew it, {}",
                                               escape(c.file), utc_date(c.not_after), read_again));
        else if (remaining <= warn_days * whole_day)
            out.warnings.push_back(
                fmt::format("Certificate {} expires {}, on {}; renew it{}, {}", escape(c.file),
                            remaining < 2 * whole_day ? "within two days" : fmt::format("in {} days", remaining / whole_day),
                            utc_date(c.not_after), remaining <= urgent_days * whole_day ? " now" : "", read_again));
    }
}

void warn_of_unreadable(start_report& out, const report_input& s, const machine_facts& m) {
    for (const auto& file : s.unreadable)
        out.warnings.push_back(
            fmt::format("Certificate {} cannot be read any more by {}, so its end is not known and a renewed one is not "
                        "used; let {} read it",
                        escape(file), m.user, m.user));
}

void warn_of_passwords(start_report& out, const report_input& s, const machine_facts& m) {
    if (!s.passwords || s.tls_required || s.tls_passthrough) return;
    const auto public_address = std::ranges::find_if(m.addresses, &ip_address::is_public);
    for (const auto& e : s.listen) {
        const bool any = e.address.is_unspecified();
        if (any ? public_address == m.addresses.end() : !e.address.is_public()) continue;
        out.warnings.push_back(fmt::format(
            "Listener {}: {} is a public address, and passwords may cross the network unencrypted; {}--tls-required refuses "
            "logins without TLS",
            e.text(), any ? public_address->text() : e.address.text(),
            s.certificates.empty() ? "add --tls-cert FILE ('sallyport cert NAME' creates one); then " : ""));
        return;
    }
}

void warn_of_ports(start_report& out, const report_input& s, const machine_facts& m) {
    const auto range = s.data_connections.ports.range;
    if (!s.passive || range.first == 0) return;
    const auto reserved = [&](std::uint32_t port) {
        return std::ranges::any_of(m.reserved,
                                   [&](const port_range& r) { return r.contains(static_cast<std::uint16_t>(port)); });
    };
    if (m.ephemeral.first == 0)
        out.facts.emplace_back(
            "Ephemeral port range: not readable (net.ipv4.ip_local_port_range), so an overlap with the passive ports is not "
            "checked");
    bool in_use = false;
    for (std::uint32_t port = range.first; overlap(range, m.ephemeral) && port <= range.last; ++port)
        in_use = in_use || (m.ephemeral.contains(static_cast<std::uint16_t>(port)) && !reserved(port));
    if (in_use)
        out.warnings.push_back(
            fmt::format("Passive ports {} overlap the ephemeral port range {}; set net.ipv4.ip_local_reserved_ports={} or "
                        "choose another range, such as 30000-30099",
                        range.text(), m.ephemeral.text(), range.text()));
    const auto is_inspected = [&](std::uint32_t port) {
        return is_alg_port(s.data_connections.ports.external.of(static_cast<std::uint16_t>(port)));
    };
    if (!s.data_connections.ports.use_alg_ports &&
        std::ranges::all_of(std::views::iota(std::uint32_t{range.first}, range.last + 1U), is_inspected))
        out.warnings.push_back(fmt::format(
            "Passive ports {}: none is used, since routers may inspect all of them for other protocols; use a range such as "
            "30000-30099, or add --use-alg-ports",
            range.text()));
    if (range.first < m.first_unprivileged && !m.can_bind_low)
        out.warnings.push_back(
            fmt::format("Passive ports {}: this user can't listen on those below {}, which are left out; choose a higher "
                        "range, or run with CAP_NET_BIND_SERVICE",
                        range.text(), m.first_unprivileged));
}

}  // namespace

start_report make_report(const report_input& s, const machine_facts& m) {
    auto out = s.interception;
    const bool listens = !s.listen.empty() || !s.listen_tls.empty() || out.facts.empty();
    for (const auto& e : s.listen) out.facts.push_back(listener_text(s, e));
    for (const auto& e : s.listen_tls) out.facts.push_back(fmt::format("Listener {}: implicit TLS", e.text()));
    add_certificates(out, s, m);
    if (s.passive && listens) {
        out.facts.push_back(ports_text(s, m));
        add_addresses(out, s);
    } else if (listens) {
        out.facts.emplace_back("Passive ports: none, passive mode is off");
    }
    if (!s.logins.empty()) out.facts.push_back(s.logins);
    if (listens) out.facts.push_back(firewall_text(s, m));

    warn_of_unreadable(out, s, m);
    warn_of_passwords(out, s, m);
    warn_of_ports(out, s, m);
    for (const auto& file : s.exposed)
        out.warnings.push_back(fmt::format("{} {} can be read by every user of this machine; chmod o-rwx {}", file.what,
                                           escape(file.path), escape(file.path)));
    if (const auto need = s.max_sessions * s.descriptors_per_session + base_descriptors;
        s.max_sessions != 0 && m.descriptors != 0 && need > m.descriptors)
        out.warnings.push_back(
            fmt::format("{} sessions (--max-sessions) may need {} file descriptors, and the system allows this process {}; "
                        "raise LimitNOFILE= of the unit (ulimit -Hn), or set a smaller --max-sessions",
                        s.max_sessions, need, m.descriptors));
    if (!s.unwritable.empty()) {
        const auto directory = escape(s.unwritable);
        out.warnings.push_back(
            fmt::format("{} is not writable for {}, so every upload fails; run 'chown {} {}', or name another user with "
                        "--run-as USER; --reader is for accounts without uploads",
                        directory, m.user, m.user, directory));
    }
    return out;
}

report_input with_listeners(report_input subject, const std::vector<endpoint>& open) {
    auto next = open.begin();
    for (auto* list : {&subject.listen, &subject.listen_tls})
        for (auto& e : *list)
            if (next != open.end()) e = *next++;
    subject.max_sessions = 0;
    return subject;
}

void log_report(const start_report& report) {
    for (const auto& line : report.facts) log::info({}, line);
    for (const auto& line : report.warnings) log::warning({}, line);
}

std::string text_of(const start_report& report) {
    std::string out;
    for (const auto& line : report.facts) out += line + '\n';
    for (const auto& line : report.warnings) out += "Warning: " + line + '\n';
    return out;
}

std::string unusable_range(const port_range& range, const machine_facts& m) {
    if (range.first == 0 || m.can_bind_low || range.last >= m.first_unprivileged) return {};
    return fmt::format(
        "this user can't listen on ports below {}; use a range such as 30000-30099, or run as root or with "
        "CAP_NET_BIND_SERVICE",
        m.first_unprivileged);
}

}  // namespace sallyport::cli
