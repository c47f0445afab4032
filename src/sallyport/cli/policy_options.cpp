#include <sallyport/cli/policy_options.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

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
}

result<void> policy_options::fill(gate::settings& out) const {
    auto commands = proto::command_policy::make(allow_commands, refuse_commands, read_only);
    if (!commands)
        return fail(errc::misuse, fmt::format("--allow-commands or --refuse-commands: {}", commands.error().what));
    out.commands = *commands;
    if (ccc != "allow" && ccc != "refuse") return fail(errc::syntax, fmt::format("--ccc {}: give allow or refuse", ccc));
    out.ccc_allowed = ccc == "allow";
    if (out.ccc_allowed && out.tls_required)
        return fail(errc::misuse, "--ccc allow and --tls-required contradict each other; take one of them away");
    return {};
}

}  // namespace sallyport::cli
