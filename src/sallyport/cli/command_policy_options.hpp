#pragma once
// Options for the commands that a server or a gateway allows. A value that its command owns; used on its threads.

#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/proto/command_policy.hpp>

namespace sallyport::cli {

struct command_policy_options {
    std::vector<std::string> allow;
    std::vector<std::string> refuse;
    bool read_only = false;

    void add_to(command_table& table);
    /// errc::usage for a name that is no command.
    [[nodiscard]] result<proto::command_policy> policy() const;
};

}  // namespace sallyport::cli
