#include <sallyport/cli/up_examples.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::cli {
namespace {

/// An address for clients; for a listener on all addresses, the default one.
endpoint reachable(const up_examples& g, const endpoint& at) {
    return at.address.is_unspecified() ? endpoint{g.default_address, at.port} : at;
}

/// Adds the listener; for one on all addresses, each address of the machine.
void add_endpoints(std::vector<std::string>& out, const up_examples& g, const endpoint& at, std::string_view how) {
    std::vector<ip_address> addresses{at.address};
    if (at.address.is_unspecified()) {
        addresses.clear();
        std::ranges::copy_if(g.local_addresses, std::back_inserter(addresses),
                             [&](const ip_address& a) { return a.is_v4() || at.address.is_v6(); });
        if (addresses.empty()) addresses.push_back(at.address);
    }
    for (const auto& address : addresses) out.push_back(endpoint{address, at.port}.text() + std::string(how));
}

/// Example commands for one listener.
std::string examples(const up_examples& g, const endpoint& listener, bool implicit) {
    const auto location = reachable(g, listener).text();
    const bool known = !g.certificate.empty();
    const std::string trust = known ? shell_word(g.certificate) : "";
    const std::string curl_trust = known ? "--cacert " + trust : "-k";
    const std::string sallyport_trust = known ? "--ca " + trust : "--insecure";
    const std::string lftp_trust =
        shell_word(known ? fmt::format("set ssl:ca-file \"{}\"", g.certificate) : "set ssl:verify-certificate no");
    const std::string with_password = g.password.empty() ? "" : ":" + g.password;
    const std::string as_writer = shell_word(g.writer + with_password);
    const std::string as_lftp_writer = shell_word(g.writer + (g.password.empty() ? "" : "," + g.password));
    const std::string_view read_scheme = implicit ? "ftps" : "ftp";
    const std::string read_trust = implicit ? " " + curl_trust : "";
    std::string out;
    if (g.curl && g.anonymous) out += fmt::format("  curl       curl{} {}://{}/\n", read_trust, read_scheme, location);
    if (g.curl)
        out += fmt::format("  {}curl {}{} -u {} -T hello.txt {}://{}/\n", g.anonymous ? "           " : "curl       ",
                           curl_trust, implicit ? "" : " --ssl-reqd", as_writer, read_scheme, location);
    if (g.lftp)
        out += fmt::format("  lftp       lftp -u {} -e {} {}://{}\n", as_lftp_writer, lftp_trust, read_scheme, location);
    if (g.anonymous)
        out += fmt::format("  Sallyport  {} ls{} {}://{}/\n", g.program, implicit ? " " + sallyport_trust : "", read_scheme,
                           location);
    return out + fmt::format("  {}{} put {} --user {} hello.txt {}://{}/\n", g.anonymous ? "           " : "Sallyport  ",
                             g.program, sallyport_trust, as_writer, implicit ? "ftps" : "ftpes", location);
}

}  // namespace

std::string text_of(const up_examples& g) {
    std::vector<std::string> locations;
    for (const auto& e : g.plain) add_endpoints(locations, g, e, "");
    for (const auto& e : g.implicit) add_endpoints(locations, g, e, " (implicit TLS)");
    std::vector<std::string> ports;
    for (const auto* list : {&g.plain, &g.implicit})
        for (const auto& e : *list) ports.push_back(std::to_string(e.port));
    std::string out = fmt::format(
        "Sharing {} on {}{}.\n"
        "{}"
        "{} may read and write all of it{}.\n\n"
        "             echo hello > hello.txt\n",
        escape(g.directory), fmt::join(locations, ", "),
        g.mapped ? ", and on the Internet as soon as the router forwards the ports (--map)" : "",
        !g.anonymous
            ? "Only the account below may log in; --anonymous permits downloads without a password.\n"
            : "Anonymous users may read what all users of this machine may read, except names that begin with a dot and "
              "links.\n",
        escape(g.writer), g.password.empty() ? "" : ", password " + escape(g.password));
    if (!g.plain.empty()) out += examples(g, g.plain.front(), false);
    if (!g.plain.empty() && !g.implicit.empty()) out += '\n';
    if (!g.implicit.empty()) out += examples(g, g.implicit.front(), true);
    out += fmt::format("\nCertificate SHA-256 {}\nIn a firewall open TCP {}{}. Ctrl-C stops.\n\n", g.fingerprint,
                       fmt::join(ports, ", "), g.extra_ports);
    return out;
}

}  // namespace sallyport::cli
