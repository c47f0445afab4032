// Wildcards: the pattern's line, then a name.
// - A pattern without special bytes matches itself and nothing else; a '*' before or after a pattern excludes no match.
// - A name matches the pattern that has '?' in place of each of its bytes.

#include <sallyport/server/wildcard.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    auto name = sallyport::fuzz::text_of(data, size);
    const std::string pattern(sallyport::fuzz::next_line(name));
    const bool matched = server::wildcard(pattern).matches(name);
    check(!matched || name.size() <= limits::max_name_bytes, "no name is longer");
    if (pattern.find_first_of("*?[") == std::string::npos && name.size() <= limits::max_name_bytes)
        check(matched == (pattern == name), "plain bytes are themselves");
    if (matched) {
        check(server::wildcard("*" + pattern).matches(name), "a star may take nothing");
        check(server::wildcard(pattern + "*").matches(name), "a star may take nothing");
    }
    check(server::wildcard(std::string(name.size(), '?')).matches(name) == (name.size() <= limits::max_name_bytes),
          "'?' is any byte");
    return 0;
}
