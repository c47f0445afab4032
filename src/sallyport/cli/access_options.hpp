#pragma once
// Options for the access of clients through a gateway: commands, users, rate limits. A value that its command owns; used
// on its threads.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/command_policy_options.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/gate/gate.hpp>

namespace sallyport::cli {

struct access_options {
    command_policy_options commands;
    bool allow_ccc = false;
    std::optional<net::certificate_field> user_from_certificate;
    bool replace_user = false;
    std::size_t max_sessions_per_user = 0;
    std::uint64_t max_upload_rate = 0;
    std::uint64_t max_download_rate = 0;

    void add_to(command_table& table);
    /// Sets the parsed values. Errors name the option.
    [[nodiscard]] result<void> fill(gate::settings& out, const std::string& client_ca) const;
};

}  // namespace sallyport::cli
