#include <sallyport/cli/command_policy_options.hpp>

namespace sallyport::cli {

void command_policy_options::add_to(command_table& table) {
    table.add("Access control",
              {{"--allow-commands", "VERB,...", comma_list(allow),
                "Allow only these commands; login and TLS commands are always allowed", "all"},
               {"--refuse-commands", "VERB,...", comma_list(refuse), "Refuse these commands with 502"},
               {"--read-only", "", flag(read_only), "Refuse commands that change files, and SITE, with 550"}});
}

result<proto::command_policy> command_policy_options::policy() const {
    return proto::command_policy::make(allow, refuse, read_only);
}

}  // namespace sallyport::cli
