#include <sallyport/cli/policy_options.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_types.hpp>

namespace sallyport::cli {

void policy_options::add_to(CLI::App& command) {
    const auto list = [&](const char* name, std::vector<std::string>& into, const char* help) {
        command.add_option(name, into, help)
            ->type_name("VERB,...")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    list("--allow-commands", allow_commands,
         "Only these commands pass, and USER, PASS, ACCT, QUIT, AUTH, PBSZ and PROT; others are answered 502");
    list("--refuse-commands", refuse_commands, "These are answered 502");
    command.add_flag("--read-only", read_only,
                     "What would change files is answered 550, SITE and setting times too; unknown commands 502");
    command
        .add_option("--ccc", ccc,
                    "allow: a client may end TLS on its control connection once logged in, for routers that must read it; "
                    "its data connections stay encrypted. Not with --tls-required")
        ->type_name("allow|refuse")
        ->capture_default_str();
    command
        .add_option("--user-from-cert", user_from_certificate,
                    "With --client-ca: the certificate's common name, or first mail or DNS name, says who the user is. The "
                    "password is still the server's to ask for")
        ->type_name("cn|email|dns");
    command
        .add_option("--user-mismatch", user_mismatch,
                    "With --user-from-cert: a USER that says another name is refused (530), or the server behind hears the "
                    "certificate's name instead (replace)")
        ->type_name("refuse|replace")
        ->capture_default_str();
    add_count(command, "--max-sessions-per-user", max_sessions_per_user,
              "Maximum number of sessions per user, counted after the login; a further one gets 421; 0: no limit",
              {.zero = true});
    add_size(command, "--max-upload-rate", max_upload_rate, "Of each session, a second; 0: no limit");
    add_size(command, "--max-download-rate", max_download_rate, "Likewise");
}

result<void> policy_options::fill(gate::settings& out) const {
    auto commands = proto::command_policy::make(allow_commands, refuse_commands, read_only);
    if (!commands) return fail(errc::usage, fmt::format("--allow-commands or --refuse-commands: {}", commands.error().what));
    out.commands = *commands;
    if (ccc != "allow" && ccc != "refuse") return fail(errc::usage, fmt::format("--ccc {}: give allow or refuse", ccc));
    out.ccc_allowed = ccc == "allow";
    if (out.ccc_allowed && out.tls_required)
        return fail(errc::usage, "--ccc allow and --tls-required contradict each other; take one of them away");
    if (!user_from_certificate.empty()) {
        if (user_from_certificate == "cn")
            out.user_from = net::certificate_field::common_name;
        else if (user_from_certificate == "email")
            out.user_from = net::certificate_field::email;
        else if (user_from_certificate == "dns")
            out.user_from = net::certificate_field::dns;
        else
            return fail(errc::usage, fmt::format("--user-from-cert {}: give cn, email or dns", user_from_certificate));
    }
    if (user_mismatch != "refuse" && user_mismatch != "replace")
        return fail(errc::usage, fmt::format("--user-mismatch {}: give refuse or replace", user_mismatch));
    out.replace_user = user_mismatch == "replace";
    out.most_per_user = max_sessions_per_user;
    out.upload_rate = max_upload_rate;
    out.download_rate = max_download_rate;
    return {};
}

}  // namespace sallyport::cli
