// The file ~/.netrc. First line: the host; second line: the user, if it is not empty; the rest: the file.
// - A login that is found has a name, which is that of the user if one was requested.
// - The first entry for a host is the one that is used, whatever follows it; so is an entry after any others for other
// hosts.

#include <sallyport/base/ascii.hpp>
#include <sallyport/client/netrc.hpp>

#include "fuzz.hpp"

namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    auto text = sallyport::fuzz::text_of(data, size);
    const auto host = sallyport::fuzz::next_line(text);
    const std::string name(sallyport::fuzz::next_line(text));
    const auto user = name.empty() ? std::nullopt : std::optional(name);
    const auto found = client::find_login(text, host, user);
    check(!found || !found->user.empty(), "a login has a name");
    check(!found || !user || found->user == *user, "it is the one of the requested user");

    const auto entry = "machine " + quoted(host) + " login first password " + quoted(name) + "\nmachine another.example\n";
    const auto first = client::find_login(entry + std::string(text), host, std::nullopt);
    check(first && first->user == "first" && first->password == name, "the first entry is used");
    return 0;
}
