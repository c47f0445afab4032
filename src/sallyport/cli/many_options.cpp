#include <sallyport/cli/many_options.hpp>

namespace sallyport::cli {

void many_options::add_to(command_table& table, const std::string& directories) {
    table.add("Many files", {{"-r,--recursive", "", flag(recursive), directories},
                             {"--parallel", "N", count(parallel, {.min = 1, .max = max_connections}),
                              "Connections for several files; fewer if the server has no room", "3"},
                             {"-p,--preserve-times", "", flag(keep_times), "Give the copies the times of the originals"}});
}

}  // namespace sallyport::cli
