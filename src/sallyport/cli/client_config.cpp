#include <sallyport/cli/client_config.hpp>

#include <cerrno>
#include <utility>
#include <vector>

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/user_directories.hpp>

namespace sallyport::cli {
namespace {

/// Switches that are off are like those that are not there: they override nothing.
option_values without_off(option_values values, const CLI::App& command) {
    for (const auto* option : command.get_options()) {
        const auto found = values.find(option->get_single_name());
        const bool is_off = option->get_items_expected_max() == 0 && option->results() == std::vector<std::string>{"false"};
        if (is_off && found != values.end()) values.erase(found);
    }
    return values;
}

}  // namespace

std::string client_config_file() {
    const auto directory = config_directory();
    return directory.empty() ? directory : directory + "/client.toml";
}

result<option_values> read_client_config(const std::string& file) {
    if (file.empty() || (::access(file.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))) return option_values();
    client_options options;
    command_table table;
    options.add_settings_to(table);
    // It has the same options.
    CLI::App command("", "sites add");
    set_table(command, std::move(table));
    const auto applied = apply_config_file(command, file);
    if (!applied) return std::unexpected(applied.error());
    if (const auto good = options.check(); !good) return std::unexpected(applied->locate(good.error()));
    return without_off(values_of(command), command);
}

}  // namespace sallyport::cli
