#include <sallyport/cli/access_options.hpp>

#include <fmt/format.h>

namespace sallyport::cli {

void access_options::add_to(command_table& table) {
    using field = net::certificate_field;
    table.add("Listening and TLS",
              {{"--allow-ccc", "", flag(allow_ccc), "Let logged-in clients end TLS on the control connection (CCC)"}});
    commands.add_to(table);
    table.add(
        "Access control",
        {{"--user-from-cert", "FIELD",
          choice(user_from_certificate, "field",
                 choices<std::optional<field>>{{"cn", field::common_name}, {"email", field::email}, {"dns", field::dns}}),
          "User name from the client certificate: cn, email or dns", "off"},
         {"--user-mismatch", "refuse|replace",
          choice(replace_user, "value", choices<bool>{{"refuse", false}, {"replace", true}}),
          "If USER differs from the certificate: refuse it, or replace the name"},
         {"--max-sessions-per-user", "N", count(max_sessions_per_user, {.zero = true}),
          "Maximum number of sessions per user after login"},
         {"--max-upload-rate", "BYTES", size(max_upload_rate),
          "Maximum upload rate per session, in bytes per second (500K, 10M)"},
         {"--max-download-rate", "BYTES", size(max_download_rate),
          "Maximum download rate per session, in bytes per second"}});
}

result<void> access_options::fill(gate::settings& out, const std::string& client_ca) const {
    const auto allowed = commands.policy();
    if (!allowed) return std::unexpected(allowed.error());
    out.commands = *allowed;
    if (user_from_certificate && client_ca.empty())
        return fail(errc::usage, "--user-from-cert requires verified client certificates; add --client-ca FILE");
    if (replace_user && !user_from_certificate)
        return fail(errc::usage, "--user-mismatch requires the name in a certificate; add --user-from-cert FIELD");
    out.ccc_allowed = allow_ccc;
    if (out.ccc_allowed && !out.tls) return fail(errc::usage, "--allow-ccc requires a certificate; add --tls-cert FILE");
    if (out.ccc_allowed && out.tls_required)
        return fail(errc::usage, "--allow-ccc and --tls-required exclude each other; remove one of them");
    out.user_from_cert = user_from_certificate;
    out.replace_user = replace_user;
    out.max_sessions_per_user = max_sessions_per_user;
    out.upload_rate = max_upload_rate;
    out.download_rate = max_download_rate;
    return {};
}

}  // namespace sallyport::cli
