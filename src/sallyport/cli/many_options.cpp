#include <sallyport/cli/many_options.hpp>

namespace sallyport::cli {

void many_options::add_to(command_table& table, const std::string& directories, const std::string& arguments) {
    table.add("Many files",
              {{"-r,--recursive", "", flag(recursive), directories},
               {"--from-file", "FILE", text(from_file),
                "Also read " + arguments + " from FILE, one per line; '-' is standard input", "none"},
               {"--max-size", "BYTES", size(max_size), "Skip larger files"},
               {"--then-delete", "", flag(then_delete), "Delete each source after its transfer, if the sizes agree"},
               {"-p,--preserve-times", "", flag(keep_times), "Give the copies the times of the originals"}});
}

}  // namespace sallyport::cli
