// Options of Pure-FTPd, as a configuration file and as a command line.
// - Each text is a list of options or an error.
// - What they become is a configuration file that can be parsed, and each option is in the report.

#include <toml++/toml.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/cli/config_text.hpp>
#include <sallyport/imports/pure_ftpd_import.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const std::string text(sallyport::fuzz::text_of(data, size));
    const auto no_file = [](const std::string&) -> result<std::string> { return std::string("NoAnonymous yes\n"); };
    for (const auto& options :
         {imports::read_pure_ftpd_conf({"pure-ftpd.conf", text}, no_file), imports::read_pure_ftpd_words(text),
          imports::read_pure_ftpd_directory({{"/etc/pure-ftpd/conf/Umask", text}})}) {
        if (!options) continue;
        const auto made = imports::import_pure_ftpd(*options, {});
        if (!made) continue;
        check(made->settings.size() >= options->size(), "each option is in the report");
        check(cli::check_config_text(made->toml).has_value(), "the result is a configuration file");
        try {
            (void)toml::parse(made->toml);
        } catch (const toml::parse_error&) {
            check(!is_utf8(text), "the result can be parsed");
        }
    }
    return 0;
}
