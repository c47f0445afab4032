#pragma once
// Options that say what clients may do through a gateway.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/gate/gate.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

struct policy_options {
    std::vector<std::string> allow_commands;
    std::vector<std::string> refuse_commands;
    bool read_only = false;
    std::string ccc = "refuse";
    std::string user_from_certificate;
    std::string user_mismatch = "refuse";
    std::size_t max_sessions_per_user = 0;
    std::uint64_t max_upload_rate = 0;
    std::uint64_t max_download_rate = 0;

    void add_to(CLI::App& command);
    /// The texts as values, into the settings. Errors name the option.
    [[nodiscard]] result<void> fill(gate::settings& out) const;
};

}  // namespace sallyport::cli
