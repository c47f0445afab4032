// FTP URLs as users, configuration files and redirecting programs write them.
// - A parsed URL has a host, and no line break or NUL in any part (CL-02).
// - text() has no password, and is parsed to the same URL.

#include <sallyport/client/url.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;

void check_part(std::string_view part) {
    check(part.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos, "no line break in any part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = client::url::parse(sallyport::fuzz::text_of(data, size));
    if (!parsed) return 0;
    check(!parsed->host.empty() && parsed->port != 0, "there is a host and a port");
    for (const std::string& part :
         {parsed->host, parsed->path, parsed->user.value_or(std::string()), parsed->password.value_or(std::string())})
        check_part(part);
    check(parsed->path.ends_with(parsed->file_name()), "the file name is the end of the path");

    const auto again = client::url::parse(parsed->text());
    check(again.has_value(), "the text of a URL is a URL");
    check(!again->password, "the text has no password");
    const bool same = again->tls == parsed->tls && again->host == parsed->host && again->port == parsed->port &&
                      again->user == parsed->user && again->path == parsed->path && again->ascii == parsed->ascii;
    check(same, "the text of a URL is that URL");
    return 0;
}
