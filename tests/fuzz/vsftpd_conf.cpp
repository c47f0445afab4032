// Configurations of vsftpd, also as files of single users.
// - Each text is a configuration or an error.
// - What it becomes is a configuration file that can be parsed, and each line of the source is in the report once.

#include <algorithm>
#include <set>
#include <utility>

#include <toml++/toml.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/cli/config_text.hpp>
#include <sallyport/imports/vsftpd_import.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const std::string text(sallyport::fuzz::text_of(data, size));
    const imports::import_sources sources{
        .include = [&text](const std::string& path) -> result<std::vector<imports::import_file>> {
            return std::vector<imports::import_file>{{path + "/alice", text}, {path + "/bob", "write_enable=NO\n"}};
        },
        .read = [&text](const std::string&) -> result<std::string> { return text; }};
    const auto made = imports::import_vsftpd({"vsftpd.conf", text}, "", sources);
    if (!made) {
        check(!made.error().what.empty(), "an error has a text");
        return 0;
    }
    std::set<std::pair<std::string, std::size_t>> lines;
    for (const auto& s : made->settings)
        if (s.line != 0) check(lines.emplace(s.file, s.line).second, "a line is in the report once");
    check(cli::check_config_text(made->toml).has_value(), "the result is a configuration file");
    try {
        (void)toml::parse(made->toml);
    } catch (const toml::parse_error&) {
        check(!is_utf8(text), "the result can be parsed");
    }
    return 0;
}
